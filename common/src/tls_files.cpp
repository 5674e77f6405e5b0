#include "tls_files.hpp"

#include "quoted.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace finpost::detail {

namespace {

using bio_ptr = std::unique_ptr<BIO, openssl_free<BIO_free>>;

constexpr std::size_t largest_file = 4u << 20; // all of the system's CAs are a quarter of a MiB

parse_error problem(const std::string& file, const std::string& what) {
    return {in_quotes(file) + ": " + what};
}

parse_error system_problem(const std::string& file) {
    return problem(file, std::generic_category().message(errno));
}

parsed<std::string> read_file(const std::string& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_problem(file);
    std::string text;
    std::array<char, 16 << 10> buffer;
    ssize_t n = 0;
    while (text.size() <= largest_file) {
        n = ::read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(n));
    }
    const int why = errno;
    ::close(fd);
    errno = why;
    if (n < 0) return system_problem(file);
    if (text.size() > largest_file) return problem(file, "is larger than 4 MiB");
    if (text.find("-----BEGIN ") == text.npos) return problem(file, "is not a PEM file");
    return {boost::system::in_place_value, std::move(text)};
}

bio_ptr reader(const std::string& text) {
    ERR_clear_error();
    return bio_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// The end of a file looks like an error to OpenSSL.
bool at_the_end() { return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE; }

// Without it OpenSSL would ask the terminal.
int no_passphrase(char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
}

} // namespace

std::string openssl_words() {
    const char* const words = ERR_reason_error_string(ERR_peek_error());
    return words == nullptr ? "an unknown error" : words;
}

parsed<std::vector<x509_ptr>> read_certificates(const std::string& file) {
    const auto text = read_file(file);
    if (!text) return text.error();
    std::vector<x509_ptr> all;
    const bio_ptr from = reader(*text);
    while (x509_ptr one{PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr)})
        all.push_back(std::move(one));
    const bool whole = at_the_end();
    ERR_clear_error();
    if (!whole) {
        return problem(file, "certificate number " + std::to_string(all.size() + 1) +
                                 " in it is malformed");
    }
    if (all.empty()) return problem(file, "holds no certificate");
    return all;
}

parsed<key_ptr> read_private_key(const std::string& file) {
    const auto text = read_file(file);
    if (!text) return text.error();
    bool asked = false;
    const bio_ptr from = reader(*text);
    key_ptr key(PEM_read_bio_PrivateKey(from.get(), nullptr, no_passphrase, &asked));
    ERR_clear_error();
    if (key) return key;
    const bool none = text->find("PRIVATE KEY-----") == text->npos;
    if (asked)
        return problem(file, "the private key has a passphrase, which nobody is there to give");
    return problem(file, none ? "holds no private key" : "the private key in it is malformed");
}

parsed<tls_trust> read_trust(const std::string& file) {
    const auto text = read_file(file);
    if (!text) return text.error();
    const bio_ptr from = reader(*text);
    bool asked = false;
    STACK_OF(X509_INFO)* const found =
        PEM_X509_INFO_read_bio(from.get(), nullptr, no_passphrase, &asked);
    ERR_clear_error();
    if (found == nullptr) return problem(file, "a certificate in it is malformed");
    tls_trust all;
    for (int i = 0; i < sk_X509_INFO_num(found); ++i) {
        X509_INFO* const one = sk_X509_INFO_value(found, i);
        if (one->x509 != nullptr) all.certificates.emplace_back(std::exchange(one->x509, nullptr));
        if (one->crl != nullptr) all.revocations.emplace_back(std::exchange(one->crl, nullptr));
    }
    sk_X509_INFO_pop_free(found, X509_INFO_free);
    if (all.certificates.empty()) return problem(file, "holds no certificate");
    return all;
}

} // namespace finpost::detail
