// SPDX-License-Identifier: Apache-2.0
//
// Certificates for tests, made anew each time: no key is kept in the tree.
//
//   const TestAuthority authority;
//   authority.Issue("127.0.0.1", dir + "/s.crt", dir + "/s.key");
//   authority.WriteCertificate(dir + "/ca.crt");

#ifndef SSLUTILS_TEST_CERTIFICATES_H_
#define SSLUTILS_TEST_CERTIFICATES_H_

#include <memory>
#include <string>
#include <vector>

namespace bergen::sslutils {

// A certificate authority of its own. A failure aborts.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();

  void WriteCertificate(const std::string& path) const;

  // A certificate for `common_name` (P-256, valid until `seconds` from now) and
  // its key; `alt_names` are host names, or begin with `URI:`, `email:` or
  // `IP:` (an IPv4 address).
  void Issue(const std::string& common_name, const std::string& cert_path,
             const std::string& key_path,
             const std::vector<std::string>& alt_names = {},
             int seconds = 3600) const;

  // A list that revokes the certificate in `cert_path`.
  void Revoke(const std::string& cert_path, const std::string& crl_path) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_TEST_CERTIFICATES_H_
