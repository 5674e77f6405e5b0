#pragma once

#include "support/temporary_folder.hpp"

#include <string>
#include <vector>

namespace finpost::test {

/// A certificate authority of the test's own, and what it signs, in a folder that goes with it.
/// Made with the command openssl, so that nothing of what is tested has a part in it. Throws
/// std::runtime_error with openssl's words.
class certificates {
public:
    /// "ca.pem", and "ca.key".
    certificates();

    struct wanted {
        std::string name = "server.test";             ///< common name
        std::string alternatives = "DNS:server.test"; ///< empty: none; or "DER:..."
        std::string from = "20200101000000Z", until = "20450101000000Z";
        bool self_signed = false;
        bool authority = false;    ///< it may sign others
        std::string signer = "ca"; ///< whose files sign it
    };
    /// Makes `file`.pem and `file`.key, signed by the signer unless it is to sign itself.
    void make(const std::string& file, const wanted& one);
    void make(const std::string& file) { make(file, wanted{}); }

    /// Makes "ca-with-list.pem": the authority and a list that revokes `file`.pem.
    void revoke(const std::string& file);

    /// Puts a passphrase on a key file.
    void lock(const std::string& key, const std::string& passphrase);

    std::string path(const std::string& file) const { return (folder_.path() / file).string(); }
    /// For files of the test's own.
    const temporary_folder& folder() const noexcept { return folder_; }
    void write(const std::string& file, const std::string& content) const;
    std::string read(const std::string& file) const;

private:
    void openssl(std::vector<std::string> arguments) const;

    temporary_folder folder_;
};

} // namespace finpost::test
