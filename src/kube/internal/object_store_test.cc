#include "kube/internal/object_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <random>

namespace millrace::kube::internal {
namespace {

Json Pod(const std::string& ns, const std::string& name, const std::string& version,
         const std::string& label = "web") {
  return {{"metadata",
           {{"namespace", ns},
            {"name", name},
            {"resourceVersion", version},
            {"labels", {{"app", label}}},
            {"ownerReferences", {{{"uid", "owner-of-" + label}}}}}}};
}

ObjectStore Indexed() { return ObjectStore({IndexByNamespace(), IndexByLabel("app"), IndexByOwner()}); }

// A pod as a Deployment's is on a cluster, some 3 KB of text.
Json RealisticPod(int number) {
  std::mt19937 random(static_cast<unsigned>(number));
  const auto hex = [&random](int digits) {
    std::string text;
    for (int i = 0; i < digits; ++i) text += "0123456789abcdef"[random() % 16];
    return text;
  };
  const std::string app = fmt::format("service-{}", number % 200);
  const std::string name = fmt::format("{}-{}-{}", app, hex(10), hex(5));
  const std::string node =
      fmt::format("ip-10-{}-{}-{}.ec2.internal", random() % 4, random() % 256, random() % 256);
  const std::string ip = fmt::format("10.{}.{}.{}", random() % 256, random() % 256, random() % 256);
  const std::string time = fmt::format("2026-11-{:02}T{:02}:{:02}:{:02}Z", 1 + random() % 24, random() % 24,
                                       random() % 60, random() % 60);
  const std::string text = fmt::format(
      R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{0}","generateName":"{1}-","namespace":"team-{2}",
"uid":"{3}-4b5c-4d0a-9c6a-{4}","resourceVersion":"{5}","creationTimestamp":"{6}","labels":{{"app":"{1}",
"pod-template-hash":"{7}","app.kubernetes.io/part-of":"platform"}},"annotations":{{"prometheus.io/scrape":"true"}},
"ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"{1}-{7}","uid":"{3}-1111-4d0a-9c6a-{4}",
"controller":true,"blockOwnerDeletion":true}}]}},"spec":{{"volumes":[{{"name":"kube-api-access-x","projected":{{"sources":
[{{"serviceAccountToken":{{"expirationSeconds":3607,"path":"token"}}}},{{"configMap":{{"name":"kube-root-ca.crt","items":
[{{"key":"ca.crt","path":"ca.crt"}}]}}}},{{"downwardAPI":{{"items":[{{"path":"namespace","fieldRef":{{"apiVersion":"v1",
"fieldPath":"metadata.namespace"}}}}]}}}}],"defaultMode":420}}}}],"containers":[{{"name":"main","image":
"registry.example/platform/{1}:v1.{2}.0","ports":[{{"containerPort":8080,"protocol":"TCP"}}],"env":[{{"name":"LOG_LEVEL",
"value":"info"}},{{"name":"POD_IP","valueFrom":{{"fieldRef":{{"apiVersion":"v1","fieldPath":"status.podIP"}}}}}}],
"resources":{{"limits":{{"memory":"512Mi"}},"requests":{{"cpu":"250m","memory":"512Mi"}}}},"volumeMounts":[{{"name":
"kube-api-access-x","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}}],"livenessProbe":
{{"httpGet":{{"path":"/healthz","port":8080,"scheme":"HTTP"}},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,
"failureThreshold":3}},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File",
"imagePullPolicy":"IfNotPresent","securityContext":{{"capabilities":{{"drop":["ALL"]}},"runAsNonRoot":true,
"readOnlyRootFilesystem":true,"allowPrivilegeEscalation":false}}}}],"restartPolicy":"Always",
"terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"{1}","serviceAccount":"{1}",
"nodeName":"{8}","securityContext":{{"seccompProfile":{{"type":"RuntimeDefault"}}}},"schedulerName":"default-scheduler",
"tolerations":[{{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}},
{{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}}],"priority":0,
"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"}},"status":{{"phase":"Running","conditions":
[{{"type":"PodReadyToStartContainers","status":"True","lastProbeTime":null,"lastTransitionTime":"{6}"}},{{"type":
"Initialized","status":"True","lastProbeTime":null,"lastTransitionTime":"{6}"}},{{"type":"Ready","status":"True",
"lastProbeTime":null,"lastTransitionTime":"{6}"}},{{"type":"ContainersReady","status":"True","lastProbeTime":null,
"lastTransitionTime":"{6}"}},{{"type":"PodScheduled","status":"True","lastProbeTime":null,"lastTransitionTime":"{6}"}}],
"hostIP":"{9}","podIP":"{10}","podIPs":[{{"ip":"{10}"}}],"startTime":"{6}","containerStatuses":[{{"name":"main","state":
{{"running":{{"startedAt":"{6}"}}}},"lastState":{{}},"ready":true,"restartCount":0,"image":
"registry.example/platform/{1}:v1.{2}.0","imageID":"registry.example/platform/{1}@sha256:{11}","containerID":
"containerd://{12}","started":true}}],"qosClass":"Burstable"}}}})",
      name, app, number % 40, hex(8), hex(12), 1000000 + number, time, hex(10), node, "10.0.0.7", ip, hex(64),
      hex(64));
  return ParseJson(text).value();
}

TEST(ObjectCodec, EveryObjectComesBackAsItWas) {
  ObjectCodec codec;
  std::vector<std::pair<Json, std::string>> packed;
  for (int i = 0; i < 50; ++i) packed.emplace_back(RealisticPod(i), codec.Pack(RealisticPod(i)));
  packed.emplace_back(Json::object(), codec.Pack(Json::object()));
  packed.emplace_back(Json{{"text", std::string(100000, 'x')}},
                      codec.Pack({{"text", std::string(100000, 'x')}}));
  for (const auto& [object, text] : packed) EXPECT_EQ(codec.Unpack(text), object);
  EXPECT_LT(packed[49].second.size(), FormatJson(packed[49].first).size() / 4);
}

TEST(ObjectStore, TheSameVersionIsNoChange) {
  ObjectStore store = Indexed();
  EXPECT_TRUE(store.Put("a/x", "1", Pod("a", "x", "1")).changed);
  EXPECT_FALSE(store.Put("a/x", "1", Pod("a", "x", "1")).changed);
  const ObjectStore::Change change = store.Put("a/x", "2", Pod("a", "x", "2"));
  EXPECT_TRUE(change.changed);
  EXPECT_EQ(change.old, Pod("a", "x", "1"));
  EXPECT_EQ(store.Get("a/x"), Pod("a", "x", "2"));
  EXPECT_EQ(store.Remove("a/x"), Pod("a", "x", "2"));
  EXPECT_EQ(store.Remove("a/x"), std::nullopt);
  EXPECT_EQ(store.Get("a/x"), std::nullopt);
}

TEST(ObjectStore, IndexesFollowTheirObjects) {
  ObjectStore store = Indexed();
  store.Put("a/x", "1", Pod("a", "x", "1", "web"));
  store.Put("a/y", "1", Pod("a", "y", "1", "db"));
  store.Put("b/x", "1", Pod("b", "x", "1", "web"));
  EXPECT_EQ(store.KeysBy("namespace", "a"), (std::vector<std::string>{"a/x", "a/y"}));
  EXPECT_EQ(store.KeysBy("label:app", "web"), (std::vector<std::string>{"a/x", "b/x"}));
  EXPECT_EQ(store.KeysBy("owner", "owner-of-db"), (std::vector<std::string>{"a/y"}));
  store.Put("a/x", "2", Pod("a", "x", "2", "db"));
  EXPECT_EQ(store.KeysBy("label:app", "web"), (std::vector<std::string>{"b/x"}));
  EXPECT_EQ(store.KeysBy("label:app", "db"), (std::vector<std::string>{"a/x", "a/y"}));
  store.Remove("b/x");
  EXPECT_TRUE(store.KeysBy("label:app", "web").empty());
  EXPECT_TRUE(store.KeysBy("nothing", "web").empty());
  EXPECT_EQ(store.Missing({"a/x"}), (std::vector<std::string>{"a/y"}));
}

// Against a plain map that is searched from end to end.
TEST(ObjectStore, AgreesWithASearchAfterManyChanges) {
  std::mt19937 random(7);
  ObjectStore store = Indexed();
  std::map<std::string, Json> model;
  for (int step = 0; step < 3000; ++step) {
    const std::string name = fmt::format("pod-{}", random() % 40);
    const std::string key = "a/" + name;
    if (random() % 3 == 0) {
      EXPECT_EQ(store.Remove(key).has_value(), model.erase(key) == 1);
      continue;
    }
    const Json pod = Pod("a", name, std::to_string(step), fmt::format("app-{}", random() % 5));
    store.Put(key, std::to_string(step), pod);
    model[key] = pod;
  }
  EXPECT_EQ(store.size(), model.size());
  for (int app = 0; app < 5; ++app) {
    const std::string value = fmt::format("app-{}", app);
    std::vector<std::string> expected;
    for (const auto& [key, pod] : model) {
      if (pod["metadata"]["labels"]["app"] == value) expected.push_back(key);
    }
    EXPECT_EQ(store.KeysBy("label:app", value), expected);
  }
}

TEST(ObjectStore, ObjectsOfAnyFormHaveAKeyOrNone) {
  EXPECT_EQ(ObjectStore::KeyOf(Pod("a", "x", "1")), "a/x");
  EXPECT_EQ(ObjectStore::KeyOf({{"metadata", {{"name", "node-1"}}}}), "node-1");
  for (const char* text :
       {"7", "{}", R"({"metadata":7})", R"({"metadata":{"namespace":"a"}})", R"({"metadata":{"name":7}})"}) {
    EXPECT_EQ(ObjectStore::KeyOf(ParseJson(text).value()), "") << text;
  }
}

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0;
  statm >> pages >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

// MILLRACE_KUBE_PODS=50000 with a release build gives the figure of README.md.
TEST(ObjectStore, APodTakesLittleMemory) {
  const char* asked = std::getenv("MILLRACE_KUBE_PODS");
  const int pods = asked == nullptr ? 500 : std::atoi(asked);
  const int64_t before = ResidentBytes();
  ObjectStore store = Indexed();
  int64_t text = 0;
  for (int i = 0; i < pods; ++i) {
    const Json pod = RealisticPod(i);
    text += static_cast<int64_t>(FormatJson(pod).size());
    store.Put(ObjectStore::KeyOf(pod), std::to_string(i + 1), pod);
  }
  const int64_t each = static_cast<int64_t>(store.bytes()) / pods;
  printf(
      "cached pods: %d, with 3 indexes; a pod is %ld bytes of JSON, %ld in the cache; resident memory grew "
      "by %ld\n",
      pods, text / pods, each, (ResidentBytes() - before) / pods);
  EXPECT_LT(each, 1500);
}

}  // namespace
}  // namespace millrace::kube::internal
