#include "cli/signing_key.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "registry/package.h"

namespace millrace::cli {
namespace {

Result<std::vector<registry::ModelVersion>> ReadyVersions(const registry::Registry& registry) {
  std::vector<registry::ModelVersion> ready;
  MR_ASSIGN_OR_RETURN(const std::vector<registry::RegisteredModel> models, registry.ListModels(""));
  for (const registry::RegisteredModel& model : models) {
    MR_ASSIGN_OR_RETURN(const std::vector<registry::ModelVersion> versions,
                        registry.ListVersions(model.name));
    for (const registry::ModelVersion& version : versions) {
      if (version.status == registry::VersionStatus::kReady) ready.push_back(version);
    }
  }
  return ready;
}

}  // namespace

Result<SigningKey> OpenSigningKey(const std::string& data_dir, const registry::Registry& registry,
                                  security::AuditLog& audit) {
  const std::string path = data_dir + "/signing.key";
  if (FileExists(path)) return SigningKey::OpenOrCreate(path);
  MR_ASSIGN_OR_RETURN(const std::vector<registry::ModelVersion> versions, ReadyVersions(registry));
  // The key gets its name last. A kill before that leaves the draft, with which all is signed again.
  const std::string draft = path + ".new";
  for (const registry::ModelVersion& version : versions) {
    if (FileExists(draft) || !registry::IsSigned(version.source)) continue;
    return FailedPrecondition("{} is missing, but {} is signed by it: put it back from a backup", path,
                              version.source);
  }
  MR_ASSIGN_OR_RETURN(SigningKey key, SigningKey::OpenOrCreate(draft));
  for (const registry::ModelVersion& version : versions) {
    MR_RETURN_IF_ERROR(audit
                           .Append({.who = "system:up",
                                    .what = "version.sign",
                                    .resource = fmt::format("{}/models/{}/versions/{}", version.model.project,
                                                            version.model.name, version.version),
                                    .change = version.digest})
                           .status());
    const Status made = registry::SignPackage(version.source, version.digest, key);
    if (!made.ok())
      LogWarning("a package was not signed", {{"package", version.source}, {"why", made.message()}});
  }
  if (std::rename(draft.c_str(), path.c_str()) != 0) {
    return FailedPrecondition("cannot rename {} to {}: {}", draft, path, strerrordesc_np(errno));
  }
  MR_RETURN_IF_ERROR(SyncDirectory(data_dir));
  return key;
}

}  // namespace millrace::cli
