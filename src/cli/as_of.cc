#include "cli/as_of.h"

#include <memory>

#include "base/ed25519.h"
#include "base/file.h"
#include "base/json.h"
#include "registry/package.h"
#include "registry/sqlite_registry.h"
#include "resource/decode.h"

namespace millrace::cli {
namespace {

// Not OpenSigningKey: nothing is made or signed before the platform starts.
Result<SigningKey> KeyOf(const std::string& data_dir) {
  const std::string path = data_dir + "/signing.key";
  if (FileExists(path)) return SigningKey::OpenOrCreate(path);
  return FailedPrecondition(
      "{} is missing, so nothing says whose the package is: start once without --as-of, which makes it",
      path);
}

}  // namespace

Result<EventTime> TestStart(const std::string& project, const std::string& version,
                            const std::string& data_dir) {
  MR_ASSIGN_OR_RETURN(const resource::ModelReference reference, resource::ParseModelReference(version));
  const std::string path = data_dir + "/registry.db";
  if (!FileExists(path)) return NotFound("--as-of {}: {} holds no model yet.", version, data_dir);
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<registry::Registry> registry,
                      registry::SqliteRegistry::Open({.path = path, .on_change = {}}));
  const registry::ScopedName name{project, reference.model};
  const Result<registry::ModelVersion> found = reference.version
                                                   ? registry->GetVersion(name, *reference.version)
                                                   : registry->ResolveAlias(name, reference.alias);
  if (!found.ok()) return found.status();
  MR_ASSIGN_OR_RETURN(const SigningKey key, KeyOf(data_dir));
  MR_ASSIGN_OR_RETURN(const registry::ModelPackage package,
                      registry::OpenPackage(found->source, found->digest, key.public_key()));
  MR_ASSIGN_OR_RETURN(const Json provenance, ParseJson(package.provenance_json));
  const Json begin = resource::ValueAt(provenance, "split.testBegin");
  if (!begin.is_string())
    return NotFound("version {} of {} does not say where its test range begins", found->version,
                    reference.model);
  return ParseTime(begin.get<std::string>());
}

}  // namespace millrace::cli
