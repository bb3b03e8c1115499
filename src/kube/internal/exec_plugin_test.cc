#include "kube/internal/exec_plugin.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include "base/file.h"
#include "base/json.h"
#include "kube/internal/watched_file.h"

namespace millrace::kube::internal {
namespace {

constexpr const char* kVersion = "client.authentication.k8s.io/v1";

ExecPlugin Shell(const std::string& script) {
  ExecPlugin plugin;
  plugin.command = "sh";
  plugin.args = {"-c", script};
  plugin.api_version = kVersion;
  plugin.env["GREETING"] = "hello";
  return plugin;
}

std::string Credential(const std::string& status) {
  return fmt::format(R"({{"apiVersion":"{}","kind":"ExecCredential","status":{}}})", kVersion, status);
}

TEST(ExecPlugin, GivesATokenAndItsEnd) {
  const auto credential = RunExecPlugin(
      Shell("echo '" + Credential(R"({"token":"abc","expirationTimestamp":"2026-11-24T10:00:00Z"})") + "'"),
      {}, -1);
  ASSERT_TRUE(credential.ok()) << credential.status().ToString();
  EXPECT_EQ(credential->token, "abc");
  EXPECT_EQ(FormatTime(*credential->expires), "2026-11-24T10:00:00Z");
}

TEST(ExecPlugin, IsToldAboutTheCluster) {
  ExecPlugin plugin = Shell(R"(token=$(printf '%s' "$KUBERNETES_EXEC_INFO" | base64 -w0)
    printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s.%s"}}' "$GREETING" "$token")");
  plugin.provide_cluster_info = true;
  ClientConfig cluster;
  cluster.server = "https://h";
  cluster.ca_pem = "CA";
  const auto credential = RunExecPlugin(plugin, cluster, -1);
  ASSERT_TRUE(credential.ok()) << credential.status().ToString();
  EXPECT_TRUE(credential->token.starts_with("hello."));
}

TEST(ExecPlugin, FailsWithWhatItWrote) {
  const auto failed = RunExecPlugin(Shell("echo 'log in first' >&2; exit 3"), {}, -1);
  EXPECT_EQ(failed.status().code(), Code::kUnauthenticated);
  EXPECT_EQ(failed.status().message(), "the credential plugin 'sh' failed with code 3: log in first");
  ExecPlugin missing = Shell("");
  missing.command = "no-such-plugin-anywhere";
  missing.install_hint = "install it so";
  const auto absent = RunExecPlugin(missing, {}, -1);
  EXPECT_EQ(absent.status().code(), Code::kNotFound);
  EXPECT_NE(absent.status().message().find("install it so"), std::string::npos);
}

TEST(ExecPlugin, IsStoppedWithItsChildren) {
  UniqueFd stop(::eventfd(1, EFD_CLOEXEC));  // readable from the start
  EXPECT_EQ(RunExecPlugin(Shell("sleep 1000 & sleep 1000"), {}, stop.get()).status().code(),
            Code::kCancelled);
}

TEST(ExecPlugin, EndlessOutputIsCut) {
  EXPECT_EQ(RunExecPlugin(Shell("yes"), {}, -1).status().code(), Code::kResourceExhausted);
}

TEST(ExecPlugin, OutputOfAnotherFormIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), Credential("{}"), Credential("7"),
        Credential(R"({"token":7})"), Credential(R"({"clientCertificateData":"x"})"),
        Credential(R"({"token":"x","expirationTimestamp":"soon"})"),
        std::string(R"({"apiVersion":"v1","kind":"ExecCredential","status":{"token":"x"}})")}) {
    EXPECT_FALSE(ParseExecCredential(text, kVersion).ok()) << text;
  }
}

TEST(WatchedFile, ARotatedFileIsReadAgain) {
  TempDirectory directory;
  const std::string path = directory.path() + "/token";
  WatchedFile file(path);
  EXPECT_EQ(file.Read().status().code(), Code::kNotFound);
  ASSERT_TRUE(WriteFileAtomically(path, "one").ok());
  EXPECT_EQ(file.Read().value(), "one");
  ASSERT_TRUE(WriteFileAtomically(path, "two").ok());
  EXPECT_EQ(file.Read().value(), "two");
  ASSERT_TRUE(RemoveTree(path).ok());
  EXPECT_EQ(file.Read().value(), "two");  // it is being replaced
}

}  // namespace
}  // namespace millrace::kube::internal
