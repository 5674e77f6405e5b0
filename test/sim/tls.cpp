#include "sim/tls.hpp"

#include "sim/tcp.hpp"
#include "support/temporary_folder.hpp"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include <sys/syscall.h>
#include <unistd.h>

namespace finpost::sim {

namespace {

int some_random(unsigned char* to, int n) {
    kernel* const k = kernel::current;
    if (k == nullptr) return ::syscall(SYS_getrandom, to, n, 0) == n;
    for (int i = 0; i < n; ++i) to[i] = static_cast<unsigned char>(k->randomness.next());
    return 1;
}

const RAND_METHOD repeatable{
    [](const void*, int) { return 1; },         some_random, [] {},
    [](const void*, int, double) { return 1; }, some_random, [] { return 1; }};

SSL_CTX* client_context() {
    static SSL_CTX* const one = SSL_CTX_new(TLS_client_method());
    return one;
}

} // namespace

void make_openssl_repeatable() {
    RAND_set_rand_method(&repeatable);
    client_context();
}

struct tls_client_end::state {
    explicit state(tcp_end& lower) : below(lower), ssl(SSL_new(client_context())) {
        in = BIO_new(BIO_s_mem());
        out = BIO_new(BIO_s_mem());
        SSL_set_bio(ssl, in, out);
        SSL_set_connect_state(ssl);
    }
    ~state() { SSL_free(ssl); }

    // What TLS wants to send goes out: 0, or -errno.
    std::int64_t flush() {
        char* data = nullptr;
        while (const long left = BIO_get_mem_data(out, &data)) {
            const std::int64_t took = below.send(data, static_cast<std::size_t>(left));
            if (took < 0) return took;
            char room[4096];
            for (std::int64_t gone = took; gone > 0;)
                gone -= BIO_read(out, room,
                                 static_cast<int>(std::min<std::int64_t>(gone, sizeof room)));
        }
        return 0;
    }
    // What has come goes in: what recv says.
    std::int64_t fill() {
        char room[8192];
        const std::int64_t n = below.receive(room, sizeof room);
        if (n > 0) BIO_write(in, room, static_cast<int>(n));
        return n == 0 ? -ECONNRESET : n;
    }
    // The handshake, until it is done: 0, or -errno.
    std::int64_t shake() {
        while (!SSL_is_init_finished(ssl)) {
            const int said = SSL_do_handshake(ssl);
            if (const std::int64_t sent = flush(); sent < 0) return sent;
            if (said == 1) break;
            if (!SSL_want_read(ssl)) return -EPROTO;
            if (const std::int64_t got = fill(); got < 0) return got;
        }
        return flush();
    }

    tcp_end& below;
    SSL* ssl;
    BIO *in = nullptr, *out = nullptr;
};

namespace {

// This runs within the gateway's calls, so within its OpenSSL as well. The errors of a thread are
// one list, so those of here are taken away again, and nobody here asks SSL_get_error, which looks
// at the others'.
class own_errors {
public:
    own_errors() { ERR_set_mark(); }
    ~own_errors() { ERR_pop_to_mark(); }
    own_errors(const own_errors&) = delete;
    own_errors& operator=(const own_errors&) = delete;
};

} // namespace

tls_client_end::tls_client_end(tcp_end& below) : state_(std::make_unique<state>(below)) {}
tls_client_end::~tls_client_end() = default;
tls_client_end::tls_client_end(tls_client_end&&) noexcept = default;

std::int64_t tls_client_end::send(const void* from, std::size_t n) {
    const own_errors ours;
    if (const std::int64_t ready = state_->shake(); ready < 0) return ready;
    const int said =
        SSL_write(state_->ssl, from, static_cast<int>(std::min<std::size_t>(n, 16 << 10)));
    if (said <= 0) return -EPROTO;
    state_->flush(); // what does not fit goes with the next call
    return said;
}

std::int64_t tls_client_end::receive(void* to, std::size_t n) {
    const own_errors ours;
    if (const std::int64_t ready = state_->shake();
        ready < 0 && ready != -EPIPE && ready != -EAGAIN)
        return ready;
    for (;;) {
        if (SSL_is_init_finished(state_->ssl)) {
            state_->flush(); // of what was sent
            const int got = SSL_read(state_->ssl, to, static_cast<int>(n));
            if (got > 0) return got;
            if ((SSL_get_shutdown(state_->ssl) & SSL_RECEIVED_SHUTDOWN) != 0) return 0;
            if (!SSL_want_read(state_->ssl)) return -EPROTO;
        }
        if (const std::int64_t more = state_->fill(); more < 0) return more;
        if (!SSL_is_init_finished(state_->ssl))
            if (const std::int64_t ready = state_->shake(); ready < 0) return ready;
    }
}

std::int64_t tls_client_end::finish() {
    const own_errors ours;
    if (const std::int64_t ready = state_->shake(); ready < 0) return ready;
    // A second call would look for the other side's, and stumble over an answer.
    if ((SSL_get_shutdown(state_->ssl) & SSL_SENT_SHUTDOWN) == 0) SSL_shutdown(state_->ssl);
    return state_->flush();
}

// ---- the certificate

namespace {

const test::temporary_folder& folder() {
    static const test::temporary_folder one;
    return one;
}

std::string write(const char* name, const char* text) {
    const std::string path = (folder().path() / name).string();
    std::ofstream(path) << text;
    return path;
}

constexpr char certificate[] = R"(-----BEGIN CERTIFICATE-----
MIIDITCCAgmgAwIBAgIUCPZx2R4eV6SXccuJFCdr4+2lwiowDQYJKoZIhvcNAQEL
BQAwFDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTE2NTkzMVoYDzIxMjYx
MTA1MTY1OTMxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwggEiMA0GCSqGSIb3DQEB
AQUAA4IBDwAwggEKAoIBAQCwOPg2+UFP6yvvLPRzB2WQ18JzjbVFPBQoECM87nig
G3QsnNgPwdY2ePIvDLA0x59CSPXOKo2p/3oVCohRTDQO1SfA3TpPFME31GVOXTo5
5zNYJseX8lM/F1EXguvGSTFMgxI9RNR9gbTuPeDUNT4MkADXjCW4DZcn4YWug7yH
G4NSdYQ31MSwqUIeH3Nni5JufLo+6SPHoOB5YEI7yIsFAywuThm7h+PnO6W7zjZJ
zedJPJbnvhemz71S1lv/gRj/seh11h4nGsSGAVmB330J+gGe5epct2+rg8lt8JNQ
6PnkJFoYjkVwQWzGn71HMQJs3WvcEReFp24vFX0DbAFxAgMBAAGjaTBnMB0GA1Ud
DgQWBBRYJ8UXmAVrLBNV/ZsKZMD0pZH9pjAfBgNVHSMEGDAWgBRYJ8UXmAVrLBNV
/ZsKZMD0pZH9pjAPBgNVHRMBAf8EBTADAQH/MBQGA1UdEQQNMAuCCWxvY2FsaG9z
dDANBgkqhkiG9w0BAQsFAAOCAQEAYN0eqcseSEH3PtGyYHH4yXQ2KTdXAciw1YV1
1cousEe1w96VLzBsoLoZ4TZaMSBLrN1TBUUqRcpYv76ojYHYobIF+E/G9Hq2DENi
pPWUaA++QdhOiA/grHzn5tnAvlCRdQTEulrOfP0hZ90jkjFeucqnAdn+J6lbn35H
1PB8HZFw3Wcp/nU/MNf2mN9yzxCcLJgEcIiQYhcLR3m0D9xxdY6Dqz4IWUNjQXx4
0dx+/5SdyEKU9yPza7gx/+eZQ37gQTxlxctvkR0Wdok4/mBPP/LKlC49UjB71dLl
F4ogyZJxKNQh6b7hS5vZydnBDEQBGgwbZG46crlbo1DBunf+Og==
-----END CERTIFICATE-----
)";
constexpr char key[] = R"(-----BEGIN PRIVATE KEY-----
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCwOPg2+UFP6yvv
LPRzB2WQ18JzjbVFPBQoECM87nigG3QsnNgPwdY2ePIvDLA0x59CSPXOKo2p/3oV
CohRTDQO1SfA3TpPFME31GVOXTo55zNYJseX8lM/F1EXguvGSTFMgxI9RNR9gbTu
PeDUNT4MkADXjCW4DZcn4YWug7yHG4NSdYQ31MSwqUIeH3Nni5JufLo+6SPHoOB5
YEI7yIsFAywuThm7h+PnO6W7zjZJzedJPJbnvhemz71S1lv/gRj/seh11h4nGsSG
AVmB330J+gGe5epct2+rg8lt8JNQ6PnkJFoYjkVwQWzGn71HMQJs3WvcEReFp24v
FX0DbAFxAgMBAAECggEAV7sU/7FZraLjzX/w9u9gxhpUSVjsPNqrIkLeeDA0x2jD
jo5LFpUmwxm1YG0NsEkNZV+TWB9hRZfVvHHw6aBpblT6JI8+vy4S/2tzP+8z1K3g
pusvhNr0TL2b9nuMS7wWmgPK6cvBifYwEEeoDZ2wFWr/sE+qW5YQgZ9KAVa+Xfgl
zAb2aX/D9VYbxGD9NujVINUUmB2NsDlCh0rWQC6A7CIV/IUvLzmy8gaXW8/htsrn
+YsaCoAZD3OcEIa5+todvGlf/9ONOmaLctr5ValaSuweECehth4SJEMQTbo8N9P3
F2m6cjAnsAuDcbt/QaizM9Rg927HIPoPgaJJSdynnQKBgQDfIPl93JZ/mxR97Kk9
+i8bYAny6WjKV4SqZiQyfg1FJLGQOfVtY4ppI860kwa83AWPjWJb3NdVAMWdh3JO
fcjv7PPE9Gu74/nakeoDVsRfpGMJQrNUsZCUWtVXjl91G/BKpzGD1GWTbfKb9jcF
qeX0nUEaM1gNMnFkgkqgtyUOOwKBgQDKLvvALQL83dM2xrUZhNI2sDaOJBuk5a3S
+PZj6GjGyw4rbS1vTe6iEUWfE42cozf3KJHWIIhPfBSQQwI8vpkHmtHQW2ttTWKq
r5kKqqpBKnD+jnqVPzBdRStaVg6QgL/Kunl4224gveMLHiR2czLFVrf8i1cvaI0q
r8SNgS9YQwKBgQCngenLQz74rUPFBVZI4PlcY80UP4Yb4XgHNIcYIOl1bwaeb+SA
KqpOJEOZ7IayYbsK+elNbY16kwnIKVb29hdTh1+6DISUmaGJJOG5f/oMkyyGVzyp
6GPR/B8NjCS9live34WcomdfNrtbuou0BMhNy4CEWudPgP7/pZDA9r0q4QKBgQCi
nKMyb4Flq2vDNJJXkfIYtiVKsVPiji/97OsOc9BBgvNEjizqxn1VsBqU1P8iqkvK
58BTvhqkAyHu3VYhURJ3gVebAswmPwVKTq0CXT1N6Dq1IhcJjqbxfT5fC7PvGP4o
qU4lnCa5AsBnIrkk44ZEHXkhD1jx8l8HpBKr1OklTQKBgB7JbhC7yNDWH7Y+S9h9
7w7CwGo18OfBEkQ72SxvAGKDmGKx4bn21IgJyxWzvs0fxDwVDb6u126Pi5g5nCKc
UA7AKdGIeLnCoqbWVeifHJ3q+1DiN2f1NyoKWXO0enjks9HosW75qNubjIlolem1
0cxVRG2gT2mkhyGuV/b+a2Q5
-----END PRIVATE KEY-----
)";

} // namespace

const std::string& certificate_file() {
    static const std::string path = write("cert.pem", certificate);
    return path;
}

const std::string& key_file() {
    static const std::string path = write("key.pem", key);
    return path;
}

} // namespace finpost::sim
