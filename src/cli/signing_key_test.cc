#include "cli/signing_key.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/file.h"
#include "registry/package.h"
#include "registry/sqlite_registry.h"

namespace millrace::cli {
namespace {

class SigningKeyTest : public ::testing::Test {
 protected:
  SigningKeyTest() {
    EXPECT_TRUE(WriteFileAtomically(Dir() + "/trained", "model").ok());
    audit_ = security::AuditLog::Open(Dir() + "/audit.log", SystemClock()).value();
    registry_ = registry::SqliteRegistry::Open({.path = Dir() + "/registry.db", .on_change = {}}).value();
    registry::PackageContents contents;
    contents.model_name = "fraud";
    contents.model_files = {{"model.ubj", Dir() + "/trained"}};
    contents.signature = {{{"x", DataType::kDouble}}, {{"probability", DataType::kDouble}}};
    package_ = Dir() + "/packages/1";
    digest_ = registry::WritePackage(package_, contents).value();
    registry::NewVersion version;
    version.source = package_;
    version.digest = digest_;
    EXPECT_TRUE(registry_->CreateVersion({"default", "fraud"}, version, "test").ok());
  }

  const std::string& Dir() const { return dir_.path(); }
  Result<SigningKey> Open() { return OpenSigningKey(Dir(), *registry_, *audit_); }

  TempDirectory dir_;
  std::unique_ptr<security::AuditLog> audit_;
  std::unique_ptr<registry::Registry> registry_;
  std::string package_;
  std::string digest_;
};

TEST_F(SigningKeyTest, WhatWasRegisteredBeforeTheKeyIsSignedWithIt) {
  const Result<SigningKey> key = Open();
  ASSERT_TRUE(key.ok()) << key.status().ToString();
  EXPECT_TRUE(registry::OpenPackage(package_, digest_, key->public_key()).ok());
  EXPECT_EQ(Open()->public_key(), key->public_key());
}

TEST_F(SigningKeyTest, AKeyThatIsGoneIsNotReplaced) {
  const std::string before = Open()->public_key();
  ASSERT_TRUE(RemoveTree(Dir() + "/signing.key").ok());
  EXPECT_EQ(Open().status().code(), Code::kFailedPrecondition);
  EXPECT_FALSE(FileExists(Dir() + "/signing.key"));
}

TEST_F(SigningKeyTest, AKillBeforeTheKeyHasItsNameIsMadeGood) {
  const std::string draft = SigningKey::OpenOrCreate(Dir() + "/signing.key.new")->public_key();
  const Result<SigningKey> other = SigningKey::FromSeed(std::string(32, '\1'));
  ASSERT_TRUE(registry::SignPackage(package_, digest_, *other).ok());
  EXPECT_EQ(Open()->public_key(), draft);
  EXPECT_TRUE(registry::OpenPackage(package_, digest_, draft).ok());
}

TEST_F(SigningKeyTest, APackageThatWasChangedIsNotSigned) {
  ASSERT_TRUE(WriteFileAtomically(package_ + "/model.ubj", "other").ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_FALSE(registry::IsSigned(package_));
}

}  // namespace
}  // namespace millrace::cli
