#include "support/certificates.hpp"

#include "support/child_process.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace finpost::test {

certificates::certificates() {
    write("openssl.cnf", "[req]\ndistinguished_name = subject\n[subject]\n"
                         "[ca]\ndefault_ca = ours\n[ours]\ndir = .\ndatabase = " +
                             path("index.txt") + "\nserial = " + path("serial") +
                             "\nnew_certs_dir = " + folder_.path().string() +
                             "\ndefault_md = sha256\npolicy = any\ndefault_crl_days = 3650\n"
                             "unique_subject = no\n[any]\ncommonName = supplied\n");
    write("index.txt", "");
    write("serial", "1000\n");
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
             "-keyout", path("ca.key"), "-out", path("ca.pem"), "-days", "3650", "-subj",
             "/CN=a test's authority", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
             "keyUsage=critical,keyCertSign,cRLSign"});
}

void certificates::make(const std::string& file, const wanted& one) {
    openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
             "-keyout", path(file + ".key"), "-out", path(file + ".csr"), "-subj",
             "/CN=" + one.name});
    std::string extensions =
        one.authority
            ? "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign\n"
            : "basicConstraints = CA:FALSE\n";
    if (!one.alternatives.empty()) extensions += "subjectAltName = " + one.alternatives + "\n";
    write(file + ".ext", extensions);
    std::vector<std::string> arguments{"ca",
                                       "-batch",
                                       "-notext",
                                       "-in",
                                       path(file + ".csr"),
                                       "-out",
                                       path(file + ".pem"),
                                       "-extfile",
                                       path(file + ".ext"),
                                       "-startdate",
                                       one.from,
                                       "-enddate",
                                       one.until,
                                       "-keyfile"};
    if (one.self_signed)
        arguments.insert(arguments.end(), {path(file + ".key"), "-selfsign"});
    else
        arguments.insert(arguments.end(),
                         {path(one.signer + ".key"), "-cert", path(one.signer + ".pem")});
    openssl(std::move(arguments));
}

void certificates::revoke(const std::string& file) {
    const std::vector<std::string> authority{"-keyfile", path("ca.key"), "-cert", path("ca.pem")};
    std::vector<std::string> revoking{"ca", "-revoke", path(file + ".pem")};
    std::vector<std::string> listing{"ca", "-gencrl", "-out", path("list.pem")};
    revoking.insert(revoking.end(), authority.begin(), authority.end());
    listing.insert(listing.end(), authority.begin(), authority.end());
    openssl(std::move(revoking));
    openssl(std::move(listing));
    write("ca-with-list.pem", read("ca.pem") + read("list.pem"));
}

void certificates::lock(const std::string& key, const std::string& passphrase) {
    openssl({"pkcs8", "-topk8", "-in", path(key), "-out", path("locked"), "-passout",
             "pass:" + passphrase});
    write(key, read("locked"));
}

void certificates::write(const std::string& file, const std::string& content) const {
    std::ofstream(path(file), std::ios::binary) << content;
}

std::string certificates::read(const std::string& file) const {
    std::ifstream in(path(file), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void certificates::openssl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "openssl");
    child_process command(arguments, {"OPENSSL_CONF=" + path("openssl.cnf")});
    if (command.wait() != 0)
        throw std::runtime_error("openssl " + arguments[1] + ": " + command.error());
}

} // namespace finpost::test
