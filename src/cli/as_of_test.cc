#include "cli/as_of.h"

#include <gtest/gtest.h>

#include "base/ed25519.h"
#include "base/file.h"
#include "registry/package.h"
#include "registry/sqlite_registry.h"

namespace millrace::cli {
namespace {

class AsOf : public ::testing::Test {
 protected:
  // Version 1 of fraud, signed by nobody yet.
  AsOf() {
    EXPECT_TRUE(WriteFileAtomically(Dir() + "/trained", "model").ok());
    const auto registry =
        registry::SqliteRegistry::Open({.path = Dir() + "/registry.db", .on_change = {}}).value();
    registry::PackageContents contents;
    contents.model_name = "fraud";
    contents.model_files = {{"model.ubj", Dir() + "/trained"}};
    contents.signature = {{{"x", DataType::kDouble}}, {{"probability", DataType::kDouble}}};
    contents.provenance_json = R"({"split": {"testBegin": "2018-08-08T00:00:00Z"}})";
    package_ = Dir() + "/packages/1";
    digest_ = registry::WritePackage(package_, contents).value();
    registry::NewVersion version;
    version.source = package_;
    version.digest = digest_;
    EXPECT_TRUE(registry->CreateVersion({"default", "fraud"}, version, "test").ok());
  }

  const std::string& Dir() const { return dir_.path(); }
  Result<EventTime> Start(const std::string& version = "fraud:1") const {
    return TestStart("default", version, Dir());
  }

  TempDirectory dir_;
  std::string package_;
  std::string digest_;
};

TEST_F(AsOf, IsTheBeginOfTheVersionsTestRange) {
  const SigningKey key = SigningKey::OpenOrCreate(Dir() + "/signing.key").value();
  ASSERT_TRUE(registry::SignPackage(package_, digest_, key).ok());
  const Result<EventTime> start = Start();
  ASSERT_TRUE(start.ok()) << start.status().ToString();
  EXPECT_EQ(FormatTime(*start), FormatTime(ParseTime("2018-08-08T00:00:00Z").value()));
  EXPECT_EQ(Start("fraud:2").status().code(), Code::kNotFound);
  EXPECT_EQ(Start("fraud@champion").status().code(), Code::kNotFound);
}

TEST_F(AsOf, APackageOfAnotherIsNotBelieved) {
  ASSERT_TRUE(SigningKey::OpenOrCreate(Dir() + "/signing.key").ok());
  EXPECT_EQ(Start().status().code(), Code::kPermissionDenied) << "it is not signed";
  const SigningKey other = SigningKey::FromSeed(std::string(32, '\1')).value();
  ASSERT_TRUE(registry::SignPackage(package_, digest_, other).ok());
  EXPECT_FALSE(Start().ok()) << "it is signed by another";
}

TEST_F(AsOf, WithoutAKeyNothingIsBelievedAndNoneIsMade) {
  const Status refused = Start().status();
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_NE(refused.message().find("start once without --as-of"), std::string::npos) << refused.message();
  EXPECT_FALSE(FileExists(Dir() + "/signing.key"));
}

}  // namespace
}  // namespace millrace::cli
