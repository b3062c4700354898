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

namespace bergen::sslutils {

// A certificate authority of its own. A failure aborts.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();

  void WriteCertificate(const std::string& path) const;

  // A certificate for `common_name` (P-256, valid for an hour) and its key.
  void Issue(const std::string& common_name, const std::string& cert_path,
             const std::string& key_path) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bergen::sslutils

#endif  // SSLUTILS_TEST_CERTIFICATES_H_
