// fuzz: kube
// What servers and plugins answer: error bodies, ExecCredentials, leases, resource lists.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "kube/api_error.h"
#include "kube/discovery.h"
#include "kube/internal/exec_plugin.h"
#include "kube/internal/object_store.h"
#include "kube/lease_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  using namespace millrace;  // NOLINT(google-build-using-namespace)
  MR_CHECK(!kube::ErrorFromResponse(409, text, "apply", "pods").ok(), "a refusal became a success");
  (void)kube::internal::ParseExecCredential(text, "client.authentication.k8s.io/v1");
  const auto json = ParseJson(text);
  if (!json.ok()) return 0;
  (void)kube::ParseResourceList(*json);
  (void)kube::ParseGroups(*json);
  (void)kube::internal::ObjectStore::KeyOf(*json);
  for (const kube::Index& index : {kube::IndexByNamespace(), kube::IndexByOwner(), kube::IndexByLabel("a")}) {
    if (json->is_object()) (void)index.values(*json);
  }
  const auto lease = kube::ReadLease(*json);
  if (lease.ok()) {
    const auto again = kube::ReadLease({{"spec", kube::LeaseSpec(*lease)}});
    MR_CHECK(again.ok() && *again == *lease, "a lease is not read back");
  }
  return 0;
}
