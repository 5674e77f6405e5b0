#include "finpost/tls_context.hpp"

#include "quoted.hpp"
#include "suggestion.hpp"
#include "tls_files.hpp"

#include "finpost/endpoint.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <new>
#include <string_view>
#include <utility>

namespace finpost {

using namespace detail;

namespace {

using option = tls_problem::option;

tls_context::time_point time_of(const ASN1_TIME* when) {
    std::tm broken{};
    if (when == nullptr || ASN1_TIME_to_tm(when, &broken) != 1) return {};
    return std::chrono::system_clock::from_time_t(::timegm(&broken));
}

std::string text_of(tls_context::time_point when) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
    std::tm broken{};
    ::gmtime_r(&seconds, &broken);
    std::array<char, 32> out{};
    std::strftime(out.data(), out.size(), "%Y-%m-%d %H:%M:%S UTC", &broken);
    return out.data();
}

bool is_visible(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

} // namespace

struct tls_context::state {
    std::unique_ptr<SSL_CTX, openssl_free<SSL_CTX_free>> native;
    std::string server_name;
    std::optional<time_point> expires;
};

const std::string& tls_context::server_name() const noexcept {
    static const std::string none;
    return state_ ? state_->server_name : none;
}

std::optional<tls_context::time_point> tls_context::expires() const noexcept {
    return state_ ? state_->expires : std::nullopt;
}

ssl_ctx_st* tls_context::native() const noexcept { return state_ ? state_->native.get() : nullptr; }

std::int64_t days_left(tls_context::time_point expires, tls_context::time_point now) noexcept {
    return std::chrono::floor<std::chrono::days>(expires - now).count();
}

/// Makes one context, and notes everything that is wrong on the way.
class tls_maker {
public:
    tls_maker(const tls_options& options, const SSL_METHOD* method) : options_(options) {
        made_->native.reset(SSL_CTX_new(method));
        if (!made_->native) throw std::bad_alloc();
        SSL_CTX_set_min_proto_version(native(), TLS1_2_VERSION);
        // The system's configuration may demand more, not less.
        SSL_CTX_set_security_level(native(), std::max(2, SSL_CTX_get_security_level(native())));
        SSL_CTX_set_options(native(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
        // One system call a record instead of two, and no buffers where a connection is idle.
        SSL_CTX_set_read_ahead(native(), 1);
        SSL_CTX_set_mode(native(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
    }

    tls_made client() {
        if (!is_visible(options_.server_name))
            wrong(option::server_name, in_quotes(options_.server_name) + " is not a host name");
        if (const std::string what = wrong_address(options_.server_name); !what.empty())
            wrong(option::server_name, in_quotes(options_.server_name) + ' ' + what);
        made_->server_name = options_.server_name;
        SSL_CTX_set_verify(native(), options_.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
        if (!options_.ca.empty())
            trust(false);
        else if (SSL_CTX_set_default_verify_paths(native()) != 1)
            wrong(option::ca, "the system's certificates: " + openssl_words());
        if (!options_.cert.empty())
            identify();
        else if (!options_.key.empty())
            wrong(option::cert, "is missing: there is a key for it");
        return finish();
    }

    tls_made server() {
        const bool asks = options_.client_auth != tls_client_auth::off;
        if (options_.cert.empty())
            wrong(option::cert, "is missing");
        else
            identify();
        if (asks && options_.ca.empty())
            wrong(option::ca, "is missing: it says which clients' certificates are valid");
        if (!options_.ca.empty()) trust(asks);
        const bool must = options_.client_auth == tls_client_auth::required;
        if (asks)
            SSL_CTX_set_verify(
                native(), SSL_VERIFY_PEER | (must ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
        // A session is resumed only where its client's certificate was verified in the same way.
        constexpr std::string_view here = "finpost";
        SSL_CTX_set_session_id_context(native(),
                                       reinterpret_cast<const unsigned char*>(here.data()),
                                       static_cast<unsigned>(here.size()));
        return finish();
    }

private:
    SSL_CTX* native() const noexcept { return made_->native.get(); }

    void wrong(option where, std::string message) {
        out_.problems.push_back({where, std::move(message)});
    }

    // Whom to believe; a server also tells its clients whose certificates it would.
    void trust(bool tell) {
        auto found = read_trust(options_.ca);
        if (!found) return wrong(option::ca, found.error().message);
        X509_STORE* const store = SSL_CTX_get_cert_store(native());
        // An authority in between is believed without its root: the owner may not want to believe
        // all of those.
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
        for (const x509_ptr& one : found->certificates) {
            X509_STORE_add_cert(store, one.get());
            if (tell) SSL_CTX_add_client_CA(native(), one.get());
        }
        for (const x509_crl_ptr& one : found->revocations) X509_STORE_add_crl(store, one.get());
        if (!found->revocations.empty()) X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    }

    // The certificate that is shown.
    void identify() {
        const std::string& key_file = options_.key.empty() ? options_.cert : options_.key;
        auto certificates = read_certificates(options_.cert);
        auto key = read_private_key(key_file);
        if (!certificates) wrong(option::cert, certificates.error().message);
        if (!key) wrong(option::key, key.error().message);
        if (!certificates || !key) return;
        X509* const own = certificates->front().get();
        if (X509_check_private_key(own, key->get()) != 1) {
            for (std::size_t i = 1; i < certificates->size(); ++i) {
                if (X509_check_private_key((*certificates)[i].get(), key->get()) != 1) continue;
                ERR_clear_error();
                return wrong(option::cert,
                             in_quotes(options_.cert) +
                                 ": is in the wrong order: the certificate of the key "
                                 "is number " +
                                 std::to_string(i + 1) +
                                 " in it, and must come first, before its intermediates");
            }
            ERR_clear_error();
            return wrong(option::key, in_quotes(key_file) +
                                          ": is not the key of the certificate in " +
                                          in_quotes(options_.cert));
        }
        ERR_clear_error();
        if (SSL_CTX_use_certificate(native(), own) != 1 ||
            SSL_CTX_use_PrivateKey(native(), key->get()) != 1)
            return wrong(option::cert, in_quotes(options_.cert) + ": " + openssl_words());
        note_order(*certificates);
        for (const x509_ptr& one : *certificates) {
            note_validity(one.get());
            if (one.get() == own) continue;
            if (SSL_CTX_add1_chain_cert(native(), one.get()) != 1)
                return wrong(option::cert, in_quotes(options_.cert) + ": " + openssl_words());
        }
    }

    // Many clients find their way through any order; some do not, and then it is theirs that fails.
    void note_order(const std::vector<x509_ptr>& chain) {
        for (std::size_t i = 1; i < chain.size(); ++i) {
            if (X509_check_issued(chain[i].get(), chain[i - 1].get()) == X509_V_OK) continue;
            out_.warnings.push_back(
                {option::cert,
                 in_quotes(options_.cert) + ": may be in the wrong order: certificate number " +
                     std::to_string(i + 1) + " is not the issuer of number " + std::to_string(i)});
            break;
        }
        ERR_clear_error();
    }

    void note_validity(const X509* one) {
        const auto now = std::chrono::system_clock::now();
        const auto from = time_of(X509_get0_notBefore(one)),
                   until = time_of(X509_get0_notAfter(one));
        if (!made_->expires || until < *made_->expires) made_->expires = until;
        const std::string file = in_quotes(options_.cert);
        if (until < now)
            out_.warnings.push_back({option::cert, file + ": expired on " + text_of(until)});
        if (from > now)
            out_.warnings.push_back(
                {option::cert, file + ": is not valid before " + text_of(from)});
    }

    tls_made finish() {
        ERR_clear_error();
        if (out_.problems.empty()) out_.context.state_ = std::move(made_);
        return std::move(out_);
    }

    const tls_options& options_;
    std::shared_ptr<tls_context::state> made_ = std::make_shared<tls_context::state>();
    tls_made out_;
};

tls_made make_client_tls(const tls_options& options) {
    return tls_maker(options, TLS_client_method()).client();
}

tls_made make_server_tls(const tls_options& options) {
    return tls_maker(options, TLS_server_method()).server();
}

std::string_view to_string(tls_client_auth value) noexcept {
    switch (value) {
    case tls_client_auth::off:
        return "off";
    case tls_client_auth::optional:
        return "optional";
    case tls_client_auth::required:
        break;
    }
    return "required";
}

parsed<tls_client_auth> parse_tls_client_auth(std::string_view word) {
    if (word == "off") return tls_client_auth::off;
    if (word == "optional") return tls_client_auth::optional;
    if (word == "required") return tls_client_auth::required;
    return unknown_word(word, std::array<std::string_view, 3>{"off", "optional", "required"});
}

} // namespace finpost
