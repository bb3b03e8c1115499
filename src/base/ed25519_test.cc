#include "base/ed25519.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"

namespace millrace {
namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// RFC 8032, section 7.1: TEST 1 and TEST 2.
TEST(Ed25519, SignsAsTheStandardsExamples) {
  struct Case {
    std::string_view seed, public_key, message, signature;
  };
  const Case cases[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd"
       "25bf5f0595bbe24655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c3"
       "87b2eaeb4302aeeb00d291612bb0c00"},
  };
  for (const Case& c : cases) {
    const Result<SigningKey> key = SigningKey::FromSeed(FromHex(c.seed));
    ASSERT_TRUE(key.ok()) << key.status().ToString();
    const std::string message = FromHex(c.message);
    EXPECT_EQ(key->public_key(), c.public_key);
    EXPECT_EQ(key->Sign(message), c.signature);
    EXPECT_TRUE(VerifySignature(c.public_key, message, c.signature).ok());
    EXPECT_EQ(VerifySignature(c.public_key, message + "x", c.signature).code(), Code::kDataLoss);
    EXPECT_EQ(VerifySignature(cases[c.message.empty() ? 1 : 0].public_key, message, c.signature).code(),
              Code::kDataLoss);
    EXPECT_EQ(VerifySignature(c.public_key, message, "00").code(), Code::kInvalidArgument);
    EXPECT_EQ(VerifySignature("zz", message, c.signature).code(), Code::kInvalidArgument);
  }
}

TEST(SigningKey, IsMadeOnceAndReadByItsOwnerAlone) {
  const TempDirectory dir;
  const std::string path = dir.path() + "/signing.key";
  const Result<SigningKey> made = SigningKey::OpenOrCreate(path);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(SigningKey::OpenOrCreate(path)->public_key(), made->public_key());
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_EQ(SigningKey::OpenOrCreate(path).status().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(WriteFileAtomically(path, "something\n", 0600).ok());
  EXPECT_EQ(SigningKey::OpenOrCreate(path).status().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace millrace
