#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

namespace finpost::detail {

/// Where steps follow each other: `executor` itself where one thread runs it, a strand otherwise.
///
/// A strand of the very type fits into an `any_io_executor`. One around another `any_io_executor`
/// is allocated for every copy: several times an exchange, and by functions of Asio's that must not
/// fail.
inline boost::asio::any_io_executor sequence_on(const boost::asio::any_io_executor& executor,
                                                bool one_thread) {
    if (one_thread) return executor;
    const auto* const plain = executor.target<boost::asio::io_context::executor_type>();
    if (plain == nullptr) return boost::asio::make_strand(executor);
    return boost::asio::make_strand(*plain);
}

/// Where steps may run at the same time: `executor`, or what is below it where `sequence_on` has
/// made it. A strand has to allocate for what it is given; an `io_context` takes the memory that
/// the operation has.
inline boost::asio::any_io_executor below_sequence(const boost::asio::any_io_executor& executor) {
    using loop = boost::asio::io_context::executor_type;
    const auto* const strand = executor.target<boost::asio::strand<loop>>();
    if (strand == nullptr) return executor;
    return strand->get_inner_executor();
}

} // namespace finpost::detail
