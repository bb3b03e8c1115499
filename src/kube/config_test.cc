#include "kube/config.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "kube/internal/base64.h"
#include "kube/internal/server_url.h"

namespace millrace::kube {
namespace {

constexpr const char* kFirst = R"(apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: dev
  cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: Q0E=}
contexts:
- name: dev
  context: {cluster: dev, user: alice, namespace: team-a}
- name: prod
  context: {cluster: prod, user: bob}
users:
- name: alice
  user: {client-certificate: certs/alice.crt, client-key: certs/alice.key}
)";

constexpr const char* kSecond = R"(current-context: prod
clusters:
- name: dev
  cluster: {server: "https://other"}
- name: prod
  cluster: {server: "https://prod.example", certificate-authority: ca.crt, tls-server-name: api}
users:
- name: bob
  user: {token: 0123456789, tokenFile: /run/token}
)";

std::string WithUser(const std::string& user) {
  return "current-context: c\nclusters: [{name: c, cluster: {server: \"https://h\"}}]\n"
         "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: " +
         user + "}]\n";
}

std::string WithCluster(const std::string& cluster) {
  return "current-context: c\nclusters: [{name: c, cluster: " + cluster +
         "}]\ncontexts: [{name: c, context: {cluster: c}}]\n";
}

TEST(Kubeconfig, OfTwoEntriesWithOneNameTheFirstFileCounts) {
  const std::vector<std::pair<std::string, std::string>> files = {{"/home/a/one", kFirst},
                                                                  {"/home/b/two", kSecond}};
  const ClientConfig dev = ParseKubeconfig(files).value();
  EXPECT_EQ(dev.context, "dev");
  EXPECT_EQ(dev.server, "https://10.0.0.1:6443");
  EXPECT_EQ(dev.ca_pem, "CA");
  EXPECT_EQ(dev.ns, "team-a");
  EXPECT_EQ(dev.certificate_file, "/home/a/certs/alice.crt");
  EXPECT_EQ(dev.key_file, "/home/a/certs/alice.key");

  const ClientConfig prod = ParseKubeconfig(files, {.context = "prod"}).value();
  EXPECT_EQ(prod.server, "https://prod.example");
  EXPECT_EQ(prod.ca_file, "/home/b/ca.crt");
  EXPECT_EQ(prod.server_name, "api");
  EXPECT_EQ(prod.token, "0123456789");
  EXPECT_EQ(prod.token_file, "/run/token");
  EXPECT_EQ(prod.ns, "default");
}

TEST(Kubeconfig, AnExecPluginIsRead) {
  const ClientConfig config =
      ParseKubeconfig(
          {{"/h/c", WithUser("{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login, args: "
                             "[a, b], env: [{name: X, value: y}], provideClusterInfo: true, interactiveMode: "
                             "IfAvailable}}")}})
          .value();
  ASSERT_TRUE(config.exec.has_value());
  EXPECT_EQ(config.exec->command, "/h/login");
  EXPECT_EQ(config.exec->args, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config.exec->env.at("X"), "y");
  EXPECT_TRUE(config.exec->provide_cluster_info);
}

TEST(Kubeconfig, WhatCannotWorkIsRefusedInASentence) {
  const struct {
    std::string text;
    Code code;
    const char* says;
  } kTable[] = {
      {"", Code::kNotFound, "no current-context"},
      {"current-context: x", Code::kNotFound, "the context 'x' is not in the kubeconfig"},
      {"current-context: x\ncontexts: [{name: x, context: {cluster: y}}]", Code::kNotFound,
       "the cluster 'y'"},
      {"[1]", Code::kInvalidArgument, "it is no object"},
      {"kind: Pod", Code::kInvalidArgument, "its kind is not Config"},
      {"a: [1", Code::kInvalidArgument, "not valid YAML"},
      {"a: &x 1\nb: *x", Code::kInvalidArgument, "aliases"},
      {"a: 1\na: 2", Code::kInvalidArgument, "stands twice"},
      {"clusters: {}", Code::kInvalidArgument, "clusters is not a list"},
      {"clusters: [7]", Code::kInvalidArgument, "clusters[0] is not an object"},
      {"clusters: [{cluster: {}}]", Code::kInvalidArgument, "clusters[0].name is missing"},
      {std::string("a: \0", 4), Code::kInvalidArgument, "not UTF-8"},
      {WithCluster("{}"), Code::kInvalidArgument, "server is missing"},
      {WithCluster("{server: \"https://h\", proxy-url: \"http://p\"}"), Code::kUnimplemented, "proxy-url"},
      {WithCluster("{server: \"https://h\", insecure-skip-tls-verify: true}"), Code::kFailedPrecondition,
       "insecure-skip-tls-verify"},
      {WithCluster("{server: \"https://h\", insecure-skip-tls-verify: maybe}"), Code::kInvalidArgument,
       "true or false"},
      {WithCluster("{server: \"https://h\", certificate-authority-data: \"?\"}"), Code::kInvalidArgument,
       "not Base64"},
      {WithUser("{username: a, password: b}"), Code::kUnimplemented, "passwords"},
      {WithUser("{auth-provider: {name: gcp}}"), Code::kUnimplemented, "use exec"},
      {WithUser("{client-certificate: a}"), Code::kInvalidArgument, "without its key"},
      {WithUser("{exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}}"),
       Code::kUnimplemented, "client.authentication.k8s.io/v1 would be right"},
      {WithUser("{exec: {command: x, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Always}}"),
       Code::kUnimplemented, "nobody can answer"},
      {WithUser("{exec: {apiVersion: client.authentication.k8s.io/v1}}"), Code::kInvalidArgument,
       "command is missing"},
  };
  for (const auto& row : kTable) {
    const Result<ClientConfig> config = ParseKubeconfig({{"/h/config", row.text}});
    ASSERT_FALSE(config.ok()) << row.text;
    EXPECT_EQ(config.status().code(), row.code) << config.status().ToString();
    EXPECT_NE(config.status().message().find(row.says), std::string::npos) << config.status().ToString();
  }
}

TEST(Kubeconfig, VerificationIsOffOnlyWhereAllowed) {
  const std::string text = WithCluster("{server: \"https://h\", insecure-skip-tls-verify: true}");
  EXPECT_TRUE(ParseKubeconfig({{"/h/c", text}}, {.allow_insecure = true}).value().insecure);
}

TEST(Kubeconfig, DeepNestingIsRefused) {
  EXPECT_FALSE(ParseKubeconfig({{"/h/c", std::string(5000, '[')}}).ok());
  EXPECT_FALSE(ParseKubeconfig({{"/h/c", "a: " + std::string(100, '[') + std::string(100, ']')}}).ok());
}

TEST(Kubeconfig, FilesThatAreNotThereArePassedOver) {
  TempDirectory directory;
  const std::string path = directory.path() + "/config";
  ASSERT_TRUE(WriteFileAtomically(path, kFirst).ok());
  const ClientConfig config = LoadKubeconfig({.paths = directory.path() + "/none:" + path}).value();
  EXPECT_EQ(config.certificate_file, directory.path() + "/certs/alice.crt");
  EXPECT_EQ(LoadKubeconfig({.paths = directory.path() + "/none"}).status().code(), Code::kNotFound);
}

TEST(InCluster, TheServiceAccountIsFound) {
  TempDirectory directory;
  EXPECT_EQ(LoadInCluster({.directory = directory.path(), .host = "10.0.0.1", .port = "443"}).status().code(),
            Code::kFailedPrecondition);
  ASSERT_TRUE(WriteFileAtomically(directory.path() + "/token", "t").ok());
  ASSERT_TRUE(WriteFileAtomically(directory.path() + "/namespace", "team-a\n").ok());
  const ClientConfig config =
      LoadInCluster({.directory = directory.path(), .host = "fd00::1", .port = "443"}).value();
  EXPECT_EQ(config.server, "https://[fd00::1]:443");
  EXPECT_EQ(config.ns, "team-a");
  EXPECT_EQ(config.token_file, directory.path() + "/token");
}

TEST(ServerUrl, PartsAreFound) {
  const internal::ServerUrl plain = internal::ParseServerUrl("https://10.0.0.1:6443/").value();
  EXPECT_EQ(plain.host, "10.0.0.1");
  EXPECT_EQ(plain.port, "6443");
  EXPECT_EQ(plain.prefix, "");
  EXPECT_EQ(plain.authority, "10.0.0.1:6443");
  const internal::ServerUrl proxied = internal::ParseServerUrl("https://[fd00::1]/k8s/clusters/c/").value();
  EXPECT_EQ(proxied.host, "fd00::1");
  EXPECT_EQ(proxied.port, "443");
  EXPECT_EQ(proxied.prefix, "/k8s/clusters/c");
  EXPECT_EQ(proxied.authority, "[fd00::1]");
  EXPECT_FALSE(internal::ParseServerUrl("http://h").value().tls);
  for (const char* wrong : {"", "https://", "ftp://h", "https://h:0x", "https://h:99999", "https://u@h",
                            "https://[::1", "https://h\r\n", "https://a:b:c"}) {
    EXPECT_FALSE(internal::ParseServerUrl(wrong).ok()) << wrong;
  }
}

TEST(Base64, RoundTripsAndRefuses) {
  for (const char* text : {"", "a", "ab", "abc", "abcd", "\x01\xff\x80"}) {
    EXPECT_EQ(internal::DecodeBase64(internal::EncodeBase64(text)), text);
  }
  EXPECT_EQ(internal::EncodeBase64("foobar!"), "Zm9vYmFyIQ==");
  EXPECT_EQ(internal::DecodeBase64("Zm9v\nYmFy"), "foobar");
  for (const char* wrong : {"a", "ab=", "a===", "====", "Zm9=v", "Zm9v?"}) {
    EXPECT_FALSE(internal::DecodeBase64(wrong).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace millrace::kube
