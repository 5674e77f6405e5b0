#pragma once

#include "finpost/result.hpp"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

namespace finpost::detail {

/// Owns something of OpenSSL's.
template <auto free>
struct openssl_free {
    template <class T>
    void operator()(T* one) const noexcept {
        free(one);
    }
};
using x509_ptr = std::unique_ptr<X509, openssl_free<X509_free>>;
using x509_crl_ptr = std::unique_ptr<X509_CRL, openssl_free<X509_CRL_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, openssl_free<EVP_PKEY_free>>;

/// What a file of trusted certificates holds: at least one certificate.
struct tls_trust {
    std::vector<x509_ptr> certificates;
    std::vector<x509_crl_ptr> revocations;
};

/// Read PEM files; every message begins with the file's name.
parsed<std::vector<x509_ptr>> read_certificates(const std::string& file); ///< at least one
parsed<key_ptr> read_private_key(const std::string& file);
parsed<tls_trust> read_trust(const std::string& file);

/// OpenSSL's words for the oldest error in this thread's queue.
std::string openssl_words();

} // namespace finpost::detail
