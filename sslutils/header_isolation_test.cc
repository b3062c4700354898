// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"
#include "sslutils/client_context.h"
#include "sslutils/peer_certificate.h"
#include "sslutils/server_context.h"
#include "sslutils/stream.h"
#include "sslutils/terminator.h"
#include "sslutils/ticket_keys.h"

// Both are macros of every openssl/ header of BoringSSL.
#if defined(OPENSSL_IS_BORINGSSL) || defined(OPENSSL_EXPORT)
#error "a public header of sslutils includes an openssl/ header"
#endif

TEST(HeaderIsolationTest, PublicHeadersCompileWithoutTheLibrary) {
  EXPECT_EQ(bergen::sslutils::IoResult().bytes, 0u);
}
