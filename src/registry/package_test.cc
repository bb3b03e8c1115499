#include "registry/package.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"

namespace millrace::registry {
namespace {

class PackageTest : public ::testing::Test {
 protected:
  PackageTest() {
    EXPECT_TRUE(WriteFileAtomically(dir_.path() + "/trained", std::string("\x7b\0model bytes", 13)).ok());
    contents_.model_name = "fraud";
    contents_.run_id = "abc";
    contents_.created = {1'532'476'800'000'000};
    contents_.library_version = "3.2.0";
    contents_.model_files = {{"model.ubj", dir_.path() + "/trained"}};
    contents_.signature = {{{"tx_amount", DataType::kDouble}, {"tx_count_1d", DataType::kInt64}},
                           {{"probability", DataType::kDouble}}};
    contents_.service_json = R"({"digest": "d"})";
    contents_.provenance_json = R"({"seed": 0})";
  }

  std::string Path() const { return dir_.path() + "/packages/fraud/1"; }

  void Rewrite(const std::string& name, const std::string& bytes) {
    ASSERT_TRUE(WriteFileAtomically(Path() + "/" + name, bytes).ok());
  }

  TempDirectory dir_;
  PackageContents contents_;
};

TEST_F(PackageTest, IsReadBackAsItWasWritten) {
  const auto digest = WritePackage(Path(), contents_);
  ASSERT_TRUE(digest.ok()) << digest.status().ToString();
  const auto package = OpenPackage(Path(), *digest);
  ASSERT_TRUE(package.ok()) << package.status().ToString();
  EXPECT_EQ(package->digest, *digest);
  EXPECT_EQ(package->digest, Sha256OfFile(Path() + "/manifest.json").value());
  EXPECT_EQ(package->model_path(), Path() + "/model.ubj");
  EXPECT_EQ(package->signature, contents_.signature);
  EXPECT_EQ(package->service_json, contents_.service_json);
  EXPECT_EQ(package->provenance_json, contents_.provenance_json);
  EXPECT_EQ(ReadPackageFile(*package, "model.ubj").value(), std::string("\x7b\0model bytes", 13));
  EXPECT_EQ(ReadPackageFile(*package, "model.txt").status().code(), Code::kNotFound);
  EXPECT_EQ(ListDirectory(dir_.path() + "/packages/fraud").value(), std::vector<std::string>{"1"})
      << "a draft is left";
}

TEST_F(PackageTest, OnlyWhatTheTrustedKeySignedIsOpened) {
  const SigningKey ours = SigningKey::FromSeed(std::string(32, '\1')).value();
  const SigningKey other = SigningKey::FromSeed(std::string(32, '\2')).value();
  const std::string digest = WritePackage(Path(), contents_, &ours).value();
  EXPECT_TRUE(OpenPackage(Path(), digest, ours.public_key()).ok());
  EXPECT_TRUE(OpenPackage(Path(), digest).ok());
  EXPECT_EQ(OpenPackage(Path(), digest, other.public_key()).status().code(), Code::kPermissionDenied);
  // The whole package is replaced, and the digest with it.
  ASSERT_TRUE(RemoveTree(Path()).ok());
  contents_.provenance_json = R"({"seed": 1})";
  const std::string forged = WritePackage(Path(), contents_).value();
  EXPECT_EQ(OpenPackage(Path(), forged, ours.public_key()).status().code(), Code::kPermissionDenied);
  const std::string claim =
      R"({"algorithm":"Ed25519","public_key":")" + ours.public_key() + R"(","signature":")";
  for (const std::string& signature : {other.Sign("x"), std::string("00"), std::string()}) {
    Rewrite("manifest.sig", claim + signature + "\"}");
    EXPECT_FALSE(OpenPackage(Path(), forged, ours.public_key()).ok()) << signature;
  }
  ASSERT_TRUE(IsSigned(Path()));
  EXPECT_EQ(SignPackage(Path(), digest, ours).code(), Code::kDataLoss) << "it is not what was registered";
  ASSERT_TRUE(SignPackage(Path(), forged, ours).ok());
  EXPECT_TRUE(OpenPackage(Path(), forged, ours.public_key()).ok());
  Rewrite("manifest.sig", "[]");
  EXPECT_EQ(OpenPackage(Path(), forged, ours.public_key()).status().code(), Code::kDataLoss);
}

TEST_F(PackageTest, EqualContentsHaveEqualDigests) {
  const auto one = WritePackage(Path(), contents_);
  const auto two = WritePackage(Path() + "b", contents_);
  EXPECT_EQ(*one, *two);
  contents_.provenance_json = R"({"seed": 1})";
  EXPECT_NE(WritePackage(Path() + "c", contents_).value(), *one);
}

TEST_F(PackageTest, IsNeverWrittenTwice) {
  ASSERT_TRUE(WritePackage(Path(), contents_).ok());
  EXPECT_EQ(WritePackage(Path(), contents_).status().code(), Code::kAlreadyExists);
}

TEST_F(PackageTest, OneChangedByteInAnyFileIsFoundAndNamed) {
  const std::string digest = WritePackage(Path(), contents_).value();
  const std::vector<std::string> names = ListDirectory(Path()).value();
  ASSERT_EQ(names.size(), 6U);
  for (const std::string& name : names) {
    const std::string right = ReadFile(Path() + "/" + name).value();
    std::string wrong = right;
    wrong[wrong.size() / 2] = static_cast<char>(wrong[wrong.size() / 2] ^ 1);
    Rewrite(name, wrong);
    const auto package = OpenPackage(Path(), digest);
    ASSERT_FALSE(package.ok()) << name;
    EXPECT_EQ(package.status().code(), Code::kDataLoss) << package.status().ToString();
    EXPECT_NE(package.status().message().find(Path() + "/" + name + " was changed"), std::string::npos)
        << package.status().ToString();
    Rewrite(name, right);
  }
  EXPECT_TRUE(OpenPackage(Path(), digest).ok());
}

TEST_F(PackageTest, WhatIsMissingExtraOrALinkIsNamed) {
  const std::string digest = WritePackage(Path(), contents_).value();
  const std::string service = Path() + "/service.json";
  const struct {
    std::function<void()> damage;
    std::function<void()> repair;
    std::string message;
  } cases[] = {
      {[&] { std::rename(service.c_str(), (dir_.path() + "/aside").c_str()); },
       [&] { std::rename((dir_.path() + "/aside").c_str(), service.c_str()); }, service + " is missing"},
      {[&] { Rewrite("extra.txt", "x"); }, [&] { unlink((Path() + "/extra.txt").c_str()); },
       Path() + "/extra.txt does not belong"},
      {[&] { mkdir((Path() + "/.hidden").c_str(), 0755); }, [&] { rmdir((Path() + "/.hidden").c_str()); },
       Path() + "/.hidden does not belong"},
      {[&] {
         std::rename(service.c_str(), (dir_.path() + "/aside").c_str());
         ASSERT_EQ(symlink((dir_.path() + "/aside").c_str(), service.c_str()), 0);
       },
       [&] { std::rename((dir_.path() + "/aside").c_str(), service.c_str()); },
       service + " must be a plain file"},
      {[&] { Rewrite("service.json", "{}"); }, [&] { Rewrite("service.json", contents_.service_json); },
       service + " was changed: it has 2 bytes, the manifest says 15"},
  };
  for (const auto& c : cases) {
    c.damage();
    const auto package = OpenPackage(Path(), digest);
    ASSERT_FALSE(package.ok()) << c.message;
    EXPECT_EQ(package.status().code(), Code::kDataLoss);
    EXPECT_NE(package.status().message().find(c.message), std::string::npos) << package.status().ToString();
    c.repair();
    EXPECT_TRUE(OpenPackage(Path(), digest).ok()) << c.message;
  }
}

TEST_F(PackageTest, AWholeOtherPackageIsNotTheVersion) {
  const std::string digest = WritePackage(Path(), contents_).value();
  contents_.provenance_json = R"({"seed": 9})";
  ASSERT_TRUE(WritePackage(Path() + "b", contents_).ok());
  const auto package = OpenPackage(Path() + "b", digest);
  EXPECT_EQ(package.status().code(), Code::kDataLoss);
}

TEST_F(PackageTest, WhatIsNoPackageSaysSo) {
  EXPECT_EQ(OpenPackage(dir_.path() + "/none").status().code(), Code::kNotFound);
  EXPECT_EQ(OpenPackage(dir_.path()).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(OpenPackage(dir_.path() + "/trained").status().code(), Code::kInvalidArgument);
  ASSERT_TRUE(WritePackage(Path(), contents_).ok());
  ASSERT_EQ(symlink(Path().c_str(), (dir_.path() + "/link").c_str()), 0);
  EXPECT_EQ(OpenPackage(dir_.path() + "/link").status().code(), Code::kInvalidArgument);
}

TEST_F(PackageTest, ContentsThatCannotBeWrittenLeaveNothing) {
  const struct {
    std::function<void(PackageContents&)> change;
    Code code;
  } cases[] = {
      {[](PackageContents& c) { c.model_files.clear(); }, Code::kInvalidArgument},
      {[](PackageContents& c) { c.model_files[0].first = "../model.ubj"; }, Code::kInvalidArgument},
      {[](PackageContents& c) { c.model_files[0].first = "manifest.json"; }, Code::kInvalidArgument},
      {[](PackageContents& c) { c.model_files[0].second += ".gone"; }, Code::kNotFound},
      {[](PackageContents& c) { c.extra["a/b"] = ""; }, Code::kInvalidArgument},
      {[](PackageContents& c) { c.extra[".hidden"] = ""; }, Code::kInvalidArgument},
      {[](PackageContents& c) { c.service_json = "{"; }, Code::kInvalidArgument},
  };
  for (const auto& c : cases) {
    PackageContents contents = contents_;
    c.change(contents);
    const auto written = WritePackage(Path(), contents);
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.status().code(), c.code) << written.status().ToString();
    EXPECT_TRUE(ListDirectory(dir_.path() + "/packages/fraud").value_or({}).empty());
  }
}

TEST_F(PackageTest, MlmodelNamesTheFlavorsAndTheSignature) {
  contents_.model_name = "it's";
  ASSERT_TRUE(WritePackage(Path(), contents_).ok());
  const std::string yaml = ReadFile(Path() + "/MLmodel").value();
  for (const char* part :
       {"  python_function:\n    data: 'model.ubj'\n    loader_module: mlflow.xgboost\n",
        "    model_class: xgboost.core.Booster\n", "    xgb_version: '3.2.0'\n", "model_name: 'it''s'\n",
        R"([{"name":"tx_amount","required":false,"type":"double"})",
        "utc_time_created: '2018-07-25 00:00:00'"}) {
    EXPECT_NE(yaml.find(part), std::string::npos) << part << "\n" << yaml;
  }
}

TEST(Manifest, RefusesWhatIsNotOne) {
  const std::string hash(64, 'a');
  const std::string file = R"("m": {"sha256": ")" + hash + R"(", "size": 1})";
  ASSERT_TRUE(ParseManifest(R"({"format": 1, "model_file": "m", "files": {)" + file + "}}").ok());
  const std::string cases[] = {
      "",
      "[]",
      R"({"format": 2, "model_file": "m", "files": {)" + file + "}}",
      R"({"format": 1, "model_file": "other", "files": {)" + file + "}}",
      R"({"format": 1, "files": {)" + file + "}}",
      R"({"format": 1, "model_file": "m", "files": []})",
      R"({"format": 1, "model_file": "../m", "files": {"../m": {"sha256": ")" + hash + R"(", "size": 1}}})",
      R"({"format": 1, "model_file": "m", "files": {"m": {"sha256": "xyz", "size": 1}}})",
      R"({"format": 1, "model_file": "m", "files": {"m": {"sha256": ")" + hash + R"(", "size": -1}}})",
      R"({"format": 1, "model_file": "m", "files": {"m": 1}})",
  };
  for (const std::string& text : cases) {
    EXPECT_EQ(ParseManifest(text).status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(Signature, RoundTripsAndRefusesWhatIsNotOne) {
  const Signature signature{{{"a", DataType::kBool}, {"b", DataType::kTimestamp}},
                            {{"p", DataType::kDouble}}};
  EXPECT_EQ(ParseSignature(SignatureToJson(signature)).value(), signature);
  for (const char* text :
       {"", "{}", R"({"inputs": [], "outputs": {}})", R"({"inputs": [1], "outputs": []})",
        R"({"inputs": [{"name": "a", "type": "float"}], "outputs": []})",
        R"({"inputs": [{"name": "", "type": "double"}], "outputs": []})",
        R"({"inputs": [{"name":"a","type":"bool"},{"name":"a","type":"bool"}], "outputs": []})"}) {
    EXPECT_EQ(ParseSignature(text).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace millrace::registry
