#include "registry/package.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <set>

#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/sha256.h"
#include "registry/internal/names.h"
#include "registry/mlmodel.h"

namespace millrace::registry {
namespace {

constexpr const char* kManifest = "manifest.json";
constexpr const char* kManifestSignature = "manifest.sig";
constexpr uint64_t kMaxManifest = uint64_t{4} << 20;
constexpr uint64_t kMaxText = uint64_t{64} << 20;
constexpr uint64_t kMaxModel = uint64_t{16} << 30;

// Removes what was written of a package that did not come to be.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  ~Unfinished() {
    if (!path_.empty()) [[maybe_unused]]
      const Status removed = RemoveTree(path_);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  void Keep() { path_.clear(); }

 private:
  std::string path_;
};

Status CheckContents(const PackageContents& contents) {
  if (contents.model_files.empty()) return InvalidArgument("a model package needs a model file");
  MR_RETURN_IF_ERROR(internal::CheckName("a model", contents.model_name));
  std::set<std::string> names{"MLmodel",         "signature.json", "service.json",
                              "provenance.json", kManifest,        kManifestSignature};
  const auto add = [&](const std::string& name) -> Status {
    if (!internal::IsPackageFileName(name))
      return InvalidArgument("'{}' is no name for a file of a package", name);
    if (!names.insert(name).second) return InvalidArgument("the package would have '{}' twice", name);
    return Ok();
  };
  for (const auto& [name, path] : contents.model_files) MR_RETURN_IF_ERROR(add(name));
  for (const auto& [name, bytes] : contents.extra) MR_RETURN_IF_ERROR(add(name));
  const auto check_json = [](const std::string& json, const char* name) -> Status {
    const Result<Json> parsed = ParseJson(json);
    return parsed.ok() ? Ok() : parsed.status().WithContext(name);
  };
  MR_RETURN_IF_ERROR(check_json(contents.service_json, "service.json"));
  return check_json(contents.provenance_json, "provenance.json");
}

Result<PackageFile> AddFile(const std::string& directory, const std::string& name, std::string_view bytes) {
  MR_RETURN_IF_ERROR(WriteFileAtomically(directory + "/" + name, bytes, 0444));
  return PackageFile{name, static_cast<int64_t>(bytes.size()), Sha256Hex(bytes)};
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<Manifest> WriteFiles(const std::string& directory, const PackageContents& contents) {
  Manifest manifest;
  manifest.model_file = contents.model_files.front().first;
  const auto add = [&](const std::string& name, std::string_view bytes) -> Status {
    MR_ASSIGN_OR_RETURN(PackageFile file, AddFile(directory, name, bytes));
    manifest.files.push_back(std::move(file));
    return Ok();
  };
  for (const auto& [name, path] : contents.model_files) {
    MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kMaxModel));
    MR_RETURN_IF_ERROR(add(name, bytes));
  }
  MR_RETURN_IF_ERROR(add("MLmodel", MlmodelYaml(contents, manifest.model_file)));
  MR_RETURN_IF_ERROR(add("signature.json", SignatureToJson(contents.signature)));
  MR_RETURN_IF_ERROR(add("service.json", contents.service_json));
  MR_RETURN_IF_ERROR(add("provenance.json", contents.provenance_json));
  for (const auto& [name, bytes] : contents.extra) MR_RETURN_IF_ERROR(add(name, bytes));
  std::sort(manifest.files.begin(), manifest.files.end(),
            [](const PackageFile& a, const PackageFile& b) { return a.name < b.name; });
  return manifest;
}

std::optional<struct stat> StatOf(const std::string& path) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) return std::nullopt;
  return info;
}

// Every file of the manifest is there, is a plain file and has its bytes; no other is there.
Status CheckFiles(const std::string& directory, const Manifest& manifest) {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> present, ListDirectory(directory));
  std::set<std::string> names(present.begin(), present.end());
  for (const PackageFile& file : manifest.files) names.insert(file.name);
  names.erase(kManifest);
  names.erase(kManifestSignature);
  for (const std::string& name : names) {
    const auto file = std::lower_bound(manifest.files.begin(), manifest.files.end(), name,
                                       [](const PackageFile& f, const std::string& n) { return f.name < n; });
    const std::string path = directory + "/" + name;
    if (file == manifest.files.end() || file->name != name) {
      return DataLoss("{} does not belong to its package: the manifest does not list it", path);
    }
    const auto info = StatOf(path);
    if (!info) return DataLoss("{} is missing from its package", path);
    if (!S_ISREG(info->st_mode))
      return DataLoss("{} must be a plain file, not a link or another thing", path);
    if (info->st_size != file->size) {
      return DataLoss("{} was changed: it has {} bytes, the manifest says {}", path, info->st_size,
                      file->size);
    }
    MR_ASSIGN_OR_RETURN(const std::string hash, Sha256OfFile(path));
    if (hash != file->sha256) {
      return DataLoss("{} was changed: its SHA-256 is {}, the manifest says {}", path, hash, file->sha256);
    }
  }
  return Ok();
}

Status CheckDirectory(const std::string& directory) {
  const auto info = StatOf(directory);
  if (!info) return NotFound("there is no model package at {}", directory);
  if (!S_ISDIR(info->st_mode))
    return InvalidArgument("{} is not a model package: it must be a directory", directory);
  const auto manifest = StatOf(directory + "/" + kManifest);
  if (!manifest) return InvalidArgument("{} is not a model package: it has no {}", directory, kManifest);
  if (!S_ISREG(manifest->st_mode)) return DataLoss("{}/{} must be a plain file", directory, kManifest);
  return Ok();
}

std::string SignatureText(const SigningKey& key, std::string_view manifest) {
  return FormatJson(
             {{"algorithm", "Ed25519"}, {"public_key", key.public_key()}, {"signature", key.Sign(manifest)}},
             1) +
         "\n";
}

// The package is one that `signer` wrote.
Status CheckSigner(const std::string& directory, std::string_view manifest, std::string_view signer) {
  const std::string path = directory + "/" + kManifestSignature;
  if (!StatOf(path)) {
    return PermissionDenied("{} is not signed: it was not written by this platform, whose key is {}",
                            directory, signer);
  }
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 4096));
  const Result<Json> parsed = ParseJson(text);
  const auto field = [&](const char* name) {
    if (!parsed.ok() || !parsed->is_object()) return std::string();
    const auto found = parsed->find(name);
    return found != parsed->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (field("algorithm") != "Ed25519") return DataLoss("{} was changed: it is no Ed25519 signature", path);
  const std::string by = field("public_key");
  if (by != signer) {
    return PermissionDenied("{} is signed by the key {}, and this platform trusts {} alone", directory, by,
                            signer);
  }
  return VerifySignature(by, manifest, field("signature")).WithContext(path);
}

const PackageFile* FindFile(const ModelPackage& package, std::string_view name) {
  for (const PackageFile& file : package.files) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

}  // namespace

Result<std::string> WritePackage(const std::string& directory, const PackageContents& contents,
                                 const SigningKey* key) {
  MR_RETURN_IF_ERROR(CheckContents(contents));
  if (StatOf(directory))
    return AlreadyExists("{} is there already; a model package is never written twice", directory);
  const std::string parent = ParentOf(directory);
  MR_RETURN_IF_ERROR(MakeDirectories(parent));
  const std::string draft = directory + ".draft-" + RandomHex(8);
  Unfinished unfinished(draft);
  MR_RETURN_IF_ERROR(MakeDirectories(draft));
  MR_ASSIGN_OR_RETURN(const Manifest manifest, WriteFiles(draft, contents));
  const std::string text = ManifestToJson(manifest);
  MR_RETURN_IF_ERROR(WriteFileAtomically(draft + "/" + kManifest, text, 0444));
  if (key != nullptr) {
    MR_RETURN_IF_ERROR(
        WriteFileAtomically(draft + "/" + kManifestSignature, SignatureText(*key, text), 0444));
  }
  MR_RETURN_IF_ERROR(SyncDirectory(draft));
  if (renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, directory.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST)
      return AlreadyExists("{} is there already; a model package is never written twice", directory);
    return FailedPrecondition("cannot rename {} to {}: {}", draft, directory, strerrordesc_np(errno));
  }
  unfinished.Keep();
  MR_RETURN_IF_ERROR(SyncDirectory(parent));
  return Sha256Hex(text);
}

bool IsSigned(const std::string& directory) {
  return StatOf(directory + "/" + kManifestSignature).has_value();
}

Status SignPackage(const std::string& directory, std::string_view digest, const SigningKey& key) {
  MR_RETURN_IF_ERROR(OpenPackage(directory, digest).status());
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(directory + "/" + kManifest, kMaxManifest));
  if (Sha256Hex(text) != digest)
    return DataLoss("{}/{} was changed while it was signed", directory, kManifest);
  return WriteFileAtomically(directory + "/" + kManifestSignature, SignatureText(key, text), 0444);
}

Result<ModelPackage> OpenPackage(const std::string& directory, std::string_view digest,
                                 std::string_view signer) {
  MR_RETURN_IF_ERROR(CheckDirectory(directory));
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(directory + "/" + kManifest, kMaxManifest));
  ModelPackage package;
  package.directory = directory;
  package.digest = Sha256Hex(text);
  if (!digest.empty() && package.digest != digest) {
    return DataLoss("{}/{} was changed: its SHA-256 is {}, the version's digest is {}", directory, kManifest,
                    package.digest, digest);
  }
  if (!signer.empty()) MR_RETURN_IF_ERROR(CheckSigner(directory, text, signer));
  Result<Manifest> manifest = ParseManifest(text);
  if (!manifest.ok()) return manifest.status().WithContext(directory);
  MR_RETURN_IF_ERROR(CheckFiles(directory, *manifest));
  package.model_file = manifest->model_file;
  package.files = std::move(manifest->files);
  MR_ASSIGN_OR_RETURN(const std::string signature, ReadPackageFile(package, "signature.json"));
  MR_ASSIGN_OR_RETURN(package.signature, ParseSignature(signature));
  MR_ASSIGN_OR_RETURN(package.service_json, ReadPackageFile(package, "service.json"));
  MR_ASSIGN_OR_RETURN(package.provenance_json, ReadPackageFile(package, "provenance.json"));
  return package;
}

Result<std::string> ReadPackageFile(const ModelPackage& package, std::string_view name) {
  const PackageFile* file = FindFile(package, name);
  if (file == nullptr) return NotFound("the package {} has no file '{}'", package.directory, name);
  const std::string path = package.directory + "/" + file->name;
  MR_ASSIGN_OR_RETURN(std::string bytes, ReadFile(path, name == package.model_file ? kMaxModel : kMaxText));
  if (Sha256Hex(bytes) != file->sha256) return DataLoss("{} was changed since it was checked", path);
  return bytes;
}

}  // namespace millrace::registry
