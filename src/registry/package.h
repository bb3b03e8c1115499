// ModelPackage: what a version is on disk. A directory, immutable once written:
//
//   MLmodel          YAML that MLflow's tools read: flavors python_function and xgboost
//   model.ubj        the model in its own library's format (the primary file)
//   model.json       the same as JSON, when the trainer wrote it
//   signature.json   ordered, typed inputs and outputs
//   service.json     the frozen FeatureService: its plan and digest
//   provenance.json  data snapshot, parameters, libraries, seed, environment, metrics, run
//   manifest.json    the SHA-256 and size of each other file
//   manifest.sig     an Ed25519 signature over manifest.json, by the platform that wrote it
//
// The digest of a version is the SHA-256 of manifest.json, so it covers every
// byte, and the signature says who wrote them. OpenPackage checks all of it before anything is used, and
// names the first file that was changed, is missing, or does not belong.
//
//   MR_ASSIGN_OR_RETURN(std::string digest, WritePackage(dir, contents));
//   MR_ASSIGN_OR_RETURN(ModelPackage package, OpenPackage(dir, digest));
//   MR_ASSIGN_OR_RETURN(std::string bytes, ReadPackageFile(package, package.model_file));
//   MR_ASSIGN_OR_RETURN(TreeModel model, TreeModel::Parse(bytes));
//
// Values; functions are thread safe. Opening fails with NotFound (no package),
// DataLoss (the bytes are not what was written) or InvalidArgument (not a
// package). Links and special files are refused, and so is any name with a '/'.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ed25519.h"
#include "base/status.h"
#include "base/time.h"
#include "base/value.h"

namespace millrace::registry {

struct TensorField {
  std::string name;
  DataType type = DataType::kDouble;
  bool operator==(const TensorField&) const = default;
};

struct Signature {
  std::vector<TensorField> inputs;  // in the order of the model's features
  std::vector<TensorField> outputs;
  bool operator==(const Signature&) const = default;
};

std::string SignatureToJson(const Signature& signature);
// Bounded: at most 100,000 fields with distinct names.
Result<Signature> ParseSignature(std::string_view json);

struct PackageContents {
  std::string model_name{};  // for MLmodel: the registered name
  std::string run_id{};
  EventTime created{};
  std::string library_version{};  // of XGBoost: "3.2.0"
  std::vector<std::pair<std::string, std::string>>
      model_files;  // name in the package, path to copy; the first is the primary
  Signature signature{};
  std::string service_json = "{}";
  std::string provenance_json = "{}";
  std::map<std::string, std::string> extra{};  // further small files: name, bytes
};

// Writes the package beside `directory`, syncs it, and renames it there in one
// step; AlreadyExists when the directory is there. Signed with `key` unless it is
// null (borrowed for the call). Returns the version digest.
Result<std::string> WritePackage(const std::string& directory, const PackageContents& contents,
                                 const SigningKey* key = nullptr);

struct PackageFile {
  std::string name;
  int64_t size = 0;
  std::string sha256;
  bool operator==(const PackageFile&) const = default;
};

struct ModelPackage {
  std::string directory;
  std::string digest;
  std::string model_file;  // the primary: "model.ubj"
  std::vector<PackageFile> files;
  Signature signature;
  std::string service_json;
  std::string provenance_json;

  std::string model_path() const { return directory + "/" + model_file; }
};

// Whether a signature lies in the package; OpenPackage says whose.
bool IsSigned(const std::string& directory);

// Signs a package that was written without a key, once its bytes are checked to be those of `digest`.
Status SignPackage(const std::string& directory, std::string_view digest, const SigningKey& key);

// Reads and checks the whole package; `digest` (when not "") must be its own, and it must be signed by
// the key `signer` (when not ""): PermissionDenied when it is not signed, or by another.
Result<ModelPackage> OpenPackage(const std::string& directory, std::string_view digest = "",
                                 std::string_view signer = "");

// The bytes of one of the package's files, checked against its manifest as they are read: what is loaded
// from them is what was checked, whatever happens to the file meanwhile.
Result<std::string> ReadPackageFile(const ModelPackage& package, std::string_view name);

// The manifest's text, parsed within bounds: 10,000 files, names without '/'.
struct Manifest {
  std::string model_file;
  std::vector<PackageFile> files;  // sorted by name
};
std::string ManifestToJson(const Manifest& manifest);
Result<Manifest> ParseManifest(std::string_view json);

}  // namespace millrace::registry
