#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

namespace finpost {

/// Where steps follow each other: `executor` itself where one thread runs it, a strand otherwise.
///
/// A strand of the very type fits into an `any_io_executor`. One around another `any_io_executor` is allocated for every
/// copy: several times an exchange, and by functions of Asio's that must not fail.
inline boost::asio::any_io_executor sequence_on(const boost::asio::any_io_executor& executor, bool one_thread) {
    if (one_thread) return executor;
    const auto* const plain = executor.target<boost::asio::io_context::executor_type>();
    if (plain == nullptr) return boost::asio::make_strand(executor);
    return boost::asio::make_strand(*plain);
}

} // namespace finpost
