// The whole platform in this process, on a small sample: from files to features
// over HTTP, and what must not happen on the way. Training needs the binary as
// its child; tests/scenarios run it.
#include "cli/platform.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "api/http/client.h"
#include "base/file.h"
#include "cli/progress.h"
#include "resource/yaml.h"
#include "source/sample_fraud.h"

namespace millrace::cli {
namespace {

using std::chrono::steady_clock;

std::string Example() { return std::string(MILLRACE_SOURCE_DIR) + "/examples/fraud/fraud.yaml"; }

// A folder with the example's YAML and a small sample beside it.
class Folder {
 public:
  Folder() {
    EXPECT_TRUE(
        source::WriteFraudSample(temp_.path() + "/data", {.rows = 20'000, .seed = 3, .progress = {}}).ok());
    const Result<std::string> yaml = ReadFile(Example());
    EXPECT_TRUE(yaml.ok());
    EXPECT_TRUE(WriteFileAtomically(temp_.path() + "/fraud.yaml", *yaml).ok());
  }
  const std::string& path() const { return temp_.path(); }
  PlatformOptions Options() const { return {.data_dir = temp_.path() + "/.millrace", .port = 0}; }

 private:
  TempDirectory temp_;
};

std::vector<resource::Document> Documents(const Folder& folder, const std::vector<std::string>& kinds) {
  resource::YamlSet set = resource::LoadYaml(folder.path());
  EXPECT_TRUE(set.diagnostics.empty()) << set.diagnostics.ToString();
  std::erase_if(set.documents, [&](const resource::Document& document) {
    return std::find(kinds.begin(), kinds.end(), document.value.value("kind", "")) == kinds.end();
  });
  return set.documents;
}

// Waits for a condition; says what it is instead when the time is over.
testing::AssertionResult Becomes(Platform& platform, const resource::ResourceKey& key,
                                 const std::string& reason) {
  const auto deadline = steady_clock::now() + std::chrono::minutes(3);
  std::string last = "nothing";
  while (steady_clock::now() < deadline) {
    const Result<resource::Resource> found = platform.resources().Get(key);
    if (found.ok()) {
      const auto ready = resource::FindCondition(found->status, "Ready");
      if (ready && ready->reason == reason) return testing::AssertionSuccess();
      if (ready) last = ready->reason + ": " + ready->message;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return testing::AssertionFailure() << key.ToString() << " is " << last;
}

const std::vector<std::string> kFeatures = {"DataSource", "FeatureView", "FeatureService"};

TEST(Platform, FilesBecomeFeaturesThatAreServed) {
  const Folder folder;
  Result<std::unique_ptr<Platform>> platform = Platform::Start(folder.Options());
  ASSERT_TRUE(platform.ok()) << platform.status().ToString();
  const Result<resource::Plan> plan = (*platform)->Apply(Documents(folder, kFeatures));
  ASSERT_TRUE(plan.ok() && plan->diagnostics.empty());
  EXPECT_TRUE(Becomes(**platform, {"DataSource", "default", "transactions"}, "UpToDate"));
  EXPECT_TRUE(Becomes(**platform, {"FeatureView", "default", "customer-spending"}, "UpToDate"));
  EXPECT_TRUE(Becomes(**platform, {"FeatureView", "default", "terminal-risk"}, "UpToDate"));
  EXPECT_TRUE(Becomes(**platform, {"FeatureService", "default", "fraud-input"}, "Compiled"));
  Result<http::Client> client =
      http::Client::Create({.url = (*platform)->url(), .token = (*platform)->token(), .ca_file = {}});
  ASSERT_TRUE(client.ok());
  http::ClientRequest request;
  request.method = http::Method::kPost;
  request.target = "/apis/millrace.dev/v1alpha1/namespaces/default/featureviews/customer-spending/get";
  request.body = R"({"keys": {"customer_id": 1}})";
  const Result<http::ClientResponse> response = client->Send(request);
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->status, 200) << response->body;
  EXPECT_NE(response->body.find("tx_count_30d"), std::string::npos);
}

TEST(Platform, ARestartReadsAndComputesNothingAgain) {
  const Folder folder;
  const resource::ResourceKey view{"FeatureView", "default", "customer-spending"};
  Json before;
  for (int life = 0; life < 2; ++life) {
    Result<std::unique_ptr<Platform>> platform = Platform::Start(folder.Options());
    ASSERT_TRUE(platform.ok()) << platform.status().ToString();
    if (life == 0) {
      ASSERT_TRUE((*platform)->Apply(Documents(folder, kFeatures)).ok());
    }
    ASSERT_TRUE(Becomes(**platform, view, "UpToDate"));
    const Result<resource::Resource> found = (*platform)->resources().Get(view);
    if (life == 0) before = found->status;
    EXPECT_EQ(found->status["snapshot"], before["snapshot"]);
    EXPECT_EQ(found->status["keys"], before["keys"]);
  }
}

TEST(Platform, ChangedFilesAreReadAgainAndChangedViewsComputedAgain) {
  const Folder folder;
  Result<std::unique_ptr<Platform>> platform = Platform::Start(folder.Options());
  ASSERT_TRUE(platform.ok());
  std::vector<resource::Document> documents = Documents(folder, kFeatures);
  ASSERT_TRUE((*platform)->Apply(documents).ok());
  const resource::ResourceKey source{"DataSource", "default", "transactions"};
  const resource::ResourceKey view{"FeatureView", "default", "customer-spending"};
  ASSERT_TRUE(Becomes(**platform, view, "UpToDate"));
  const Json rows = (*platform)->resources().Get(source)->status["rows"];
  const Result<std::vector<std::string>> files = ListDirectory(folder.path() + "/data");
  ASSERT_EQ(unlink((folder.path() + "/data/" + files->back()).c_str()), 0);
  const auto deadline = steady_clock::now() + std::chrono::minutes(3);
  while ((*platform)->resources().Get(source)->status["rows"] == rows && steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_LT((*platform)->resources().Get(source)->status["rows"], rows);

  const Json digest = (*platform)->resources().Get(view)->status["digest"];
  for (resource::Document& document : documents) {
    if (document.value["metadata"]["name"] == "customer-spending") document.value["spec"]["windows"] = {"2d"};
  }
  const Result<resource::Plan> plan = (*platform)->Apply(documents);
  ASSERT_TRUE(plan.ok() && plan->diagnostics.empty()) << plan->diagnostics.ToString();
  while ((*platform)->resources().Get(view)->status["digest"] == digest && steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_NE((*platform)->resources().Get(view)->status["digest"], digest);
  EXPECT_TRUE(Becomes(**platform, view, "UpToDate"));
}

TEST(Platform, MissingFilesAreASentenceAndNotAnEnd) {
  const Folder folder;
  ASSERT_TRUE(RemoveTree(folder.path() + "/data").ok());
  Result<std::unique_ptr<Platform>> platform = Platform::Start(folder.Options());
  ASSERT_TRUE(platform.ok());
  ASSERT_TRUE((*platform)->Apply(Documents(folder, kFeatures)).ok());
  const resource::ResourceKey source{"DataSource", "default", "transactions"};
  EXPECT_TRUE(Becomes(**platform, source, "NotFound"));
  EXPECT_TRUE(Becomes(**platform, {"FeatureView", "default", "terminal-risk"}, "WaitingForSource"));
  ASSERT_TRUE(source::WriteFraudSample(folder.path() + "/data", {.rows = 2'000, .progress = {}}).ok());
  EXPECT_TRUE(Becomes(**platform, source, "UpToDate"));
}

TEST(Platform, ADirectoryIsUsedByOneAtATime) {
  const TempDirectory temp;
  const PlatformOptions options{.data_dir = temp.path() + "/state", .port = 0};
  Result<std::unique_ptr<Platform>> first = Platform::Start(options);
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  const Result<std::unique_ptr<Platform>> second = Platform::Start(options);
  EXPECT_EQ(second.status().code(), Code::kUnavailable);
  EXPECT_NE(second.status().message().find("Another millrace runs in"), std::string::npos);
  (*first)->Stop();
  first->reset();
  EXPECT_TRUE(Platform::Start(options).ok());
}

TEST(Platform, APortThatIsTakenIsSaidAndNothingStaysLocked) {
  const TempDirectory temp;
  Result<std::unique_ptr<Platform>> first = Platform::Start({.data_dir = temp.path() + "/a", .port = 0});
  ASSERT_TRUE(first.ok());
  const std::string url = (*first)->url();
  const int64_t port = std::stoll(url.substr(url.rfind(':') + 1));
  const Result<std::unique_ptr<Platform>> second =
      Platform::Start({.data_dir = temp.path() + "/b", .port = port});
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find(std::to_string(port)), std::string::npos)
      << second.status().ToString();
  EXPECT_TRUE(Platform::Start({.data_dir = temp.path() + "/b", .port = 0}).ok());
}

}  // namespace
}  // namespace millrace::cli
