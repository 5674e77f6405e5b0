#include "tls_connection.hpp"

#include "tls_files.hpp"
#include "tls_socket.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>
#include <new>
#include <stdexcept>

#include <arpa/inet.h>

namespace finpost::detail {

namespace {

constexpr std::size_t longest_name = 255; // of a host, RFC 1035 §2.3.4

bool is_address(const std::string& name) {
    std::array<unsigned char, 16> ignored{};
    return ::inet_pton(AF_INET, name.c_str(), ignored.data()) == 1 ||
           ::inet_pton(AF_INET6, name.c_str(), ignored.data()) == 1;
}

// What a server says about a client's certificate, or about there being none. In TLS 1.3 it comes
// when the client's handshake is over already (RFC 8446 §4.4.3, §6.2).
bool is_about_a_certificate(int reason) {
    switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
        return true;
    default:
        return false;
    }
}

std::string words_of(int reason) {
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
        return "the other side does not speak TLS";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "the client showed no certificate";
    default:
        break;
    }
    const std::string words = openssl_words();
    const std::size_t alert = words.find(" alert ");
    if (reason <= SSL_AD_REASON_OFFSET || alert == words.npos) return words;
    return "the other side refused: " + words.substr(alert + 7);
}

// A NUL ends the name for some readers and not for others: such a name means nobody.
std::string clean(const ASN1_STRING* name) {
    unsigned char* utf8 = nullptr;
    const int size = name == nullptr ? -1 : ASN1_STRING_to_UTF8(&utf8, name);
    if (size < 0) return {};
    std::string out;
    for (int i = 0; i < size && out.size() <= longest_name; ++i) {
        const unsigned char c = utf8[i];
        if (c == 0)
            out.assign(longest_name + 1, '.');
        else if (c > ' ' && c < 0x7f && c != '%')
            out += static_cast<char>(c);
        else {
            std::array<char, 4> hex{};
            std::snprintf(hex.data(), hex.size(), "%%%02X", c);
            out += hex.data();
        }
    }
    OPENSSL_free(utf8);
    return out.size() > longest_name ? std::string() : out;
}

std::string name_of(const X509* certificate) {
    GENERAL_NAMES* const names = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    const ASN1_STRING* first = nullptr;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && first == nullptr; ++i) {
        const GENERAL_NAME* const one = sk_GENERAL_NAME_value(names, i);
        if (one->type == GEN_DNS) first = one->d.dNSName;
    }
    std::string out = clean(first);
    const bool is_dns = first != nullptr;
    GENERAL_NAMES_free(names);
    if (is_dns) return out;
    const X509_NAME* const subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) return {};
    return clean(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

} // namespace

void tls_connection::freeing::operator()(ssl_st* one) const noexcept { SSL_free(one); }

tls_connection::tls_connection(const tls_context& context, role as, int fd, std::string_view name) {
    if (!context) throw std::invalid_argument("tls_connection: no context");
    ssl_.reset(SSL_new(context.native()));
    if (!ssl_) throw std::bad_alloc();
    BIO* const socket = make_socket_bio(fd);
    SSL_set_bio(ssl_.get(), socket, socket);
    if (as == role::server) {
        SSL_set_accept_state(ssl_.get());
        return;
    }
    SSL_set_connect_state(ssl_.get());
    set_peer(context.server_name().empty() ? name : std::string_view(context.server_name()));
}

// A client that does not know whom it wants to talk to talks to nobody.
void tls_connection::set_peer(std::string_view text) {
    std::string name(text.substr(0, text.find('%'))); // a scope is no part of an address
    if (name.ends_with('.')) name.pop_back();         // nor is the root's dot of a name
    if (name.empty() || name.find('\0') != name.npos)
        throw std::invalid_argument("tls_connection: no name to verify");
    bool done = false;
    if (is_address(name)) {
        done = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str()) == 1;
    } else {
        // By its subjectAltName alone (RFC 9525 §6.3): a common name is whatever somebody called
        // it.
        SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                          X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        done = SSL_set1_host(ssl_.get(), name.c_str()) == 1 &&
               SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) == 1;
    }
    if (!done) throw std::invalid_argument("tls_connection: the name cannot be verified");
}

transfer tls_connection::handshake() {
    ERR_clear_error();
    transfer out = judge(SSL_do_handshake(ssl_.get()));
    agreed_ = !out.error && out.wait_for == readiness::none;
    return out;
}

transfer tls_connection::read_some(std::span<std::byte> buffer) {
    ERR_clear_error();
    std::size_t n = 0;
    transfer out = judge(SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &n));
    out.size = n;
    return out;
}

transfer tls_connection::peek(std::span<std::byte> buffer) {
    ERR_clear_error();
    std::size_t n = 0;
    transfer out = judge(SSL_peek_ex(ssl_.get(), buffer.data(), buffer.size(), &n));
    out.size = n;
    return out;
}

bool tls_connection::holds_input() const noexcept { return SSL_has_pending(ssl_.get()) == 1; }

transfer tls_connection::write_some(std::span<const std::byte> data) {
    if (data.empty()) return {};
    ERR_clear_error();
    std::size_t n = 0;
    transfer out = judge(SSL_write_ex(ssl_.get(), data.data(), data.size(), &n));
    out.size = n;
    return out;
}

transfer tls_connection::close_notify() {
    ERR_clear_error();
    const int returned = SSL_shutdown(ssl_.get());
    // 0 says that the peer has not ended yet: it need not.
    return returned >= 0 ? transfer{} : judge(returned);
}

transfer tls_connection::judge(int returned) {
    transfer out;
    failure_.clear();
    if (returned > 0) return out;
    switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_ZERO_RETURN:
        out.ended = true;
        break;
    case SSL_ERROR_WANT_READ:
        if (socket_bio_ended(SSL_get_rbio(ssl_.get())))
            out.error = judge_end();
        else
            out.wait_for = readiness::readable;
        break;
    case SSL_ERROR_WANT_WRITE:
        out.wait_for = readiness::writable;
        break;
    case SSL_ERROR_SYSCALL:
        out.error = judge_silence();
        break;
    default:
        out.error = judge_failure();
    }
    ERR_clear_error();
    return out;
}

// The FIN, where a close_notify or more of a handshake was due.
error_code tls_connection::judge_end() {
    if (agreed_) return reason::tls_truncated;
    failure_ = "the other side closed the connection";
    return reason::tls_handshake;
}

error_code tls_connection::judge_failure() {
    const unsigned long first = ERR_peek_error();
    const int reason_number = ERR_GET_REASON(first);
    failure_ = words_of(reason_number);
    if (reason_number == SSL_R_CERTIFICATE_VERIFY_FAILED)
        failure_ = X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()));
    if (!agreed_ || is_about_a_certificate(reason_number)) return reason::tls_handshake;
    return make_error_code(boost::system::errc::protocol_error);
}

// No word from OpenSSL: the socket's error, or an end without one.
error_code tls_connection::judge_silence() noexcept {
    const int why = socket_bio_error(SSL_get_rbio(ssl_.get()));
    if (why != 0) return {why, boost::system::system_category()};
    return agreed_ ? reason::tls_truncated : reason::tls_handshake;
}

bool tls_connection::uses(const tls_context& context) const noexcept {
    return SSL_get_SSL_CTX(ssl_.get()) == context.native();
}

void tls_connection::resume(const tls_session& from) {
    if (from) SSL_set_session(ssl_.get(), from.state_.get());
}

tls_session tls_connection::session() const {
    tls_session out;
    SSL_SESSION* const one = SSL_get1_session(ssl_.get());
    if (one == nullptr) return out;
    out.state_.reset(one, SSL_SESSION_free);
    if (SSL_SESSION_is_resumable(one) != 1) out.state_.reset();
    return out;
}

tls_description tls_connection::description() const {
    tls_description out;
    const SSL* const ssl = ssl_.get();
    const long verified = SSL_get_verify_result(ssl);
    if (SSL_get_current_cipher(ssl) != nullptr) {
        out.protocol = SSL_get_version(ssl);
        out.cipher = SSL_get_cipher_name(ssl);
    }
    out.peer_name = peer_name();
    out.verified = verified == X509_V_OK ? "ok" : X509_verify_cert_error_string(verified);
    out.resumed = SSL_session_reused(ssl) == 1;
    return out;
}

std::string tls_connection::peer_name() const {
    const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
    return name_of(certificate);
}

} // namespace finpost::detail
