#include <algorithm>

#include "base/json.h"
#include "registry/internal/names.h"
#include "registry/package.h"

namespace millrace::registry {
namespace {

constexpr size_t kMaxFiles = 10'000;
constexpr int64_t kFormat = 1;

bool IsSha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Result<PackageFile> FileFromJson(const std::string& name, const Json& json) {
  if (!internal::IsPackageFileName(name)) {
    return InvalidArgument("manifest.json: '{}' is no name for a file of a package", name);
  }
  const auto size = json.is_object() ? json.find("size") : json.end();
  const auto hash = json.is_object() ? json.find("sha256") : json.end();
  if (hash == json.end() || !hash->is_string() || !IsSha256(hash->get<std::string>())) {
    return InvalidArgument("manifest.json: files.{}.sha256 must be 64 lower-case hex digits", name);
  }
  if (size == json.end() || !size->is_number_unsigned() || size->get<uint64_t>() > uint64_t{1} << 62) {
    return InvalidArgument("manifest.json: files.{}.size must be a number of bytes", name);
  }
  return PackageFile{name, size->get<int64_t>(), hash->get<std::string>()};
}

}  // namespace

std::string ManifestToJson(const Manifest& manifest) {
  Json files = Json::object();
  for (const PackageFile& file : manifest.files)
    files[file.name] = {{"sha256", file.sha256}, {"size", file.size}};
  return FormatJson(Json{{"format", kFormat}, {"model_file", manifest.model_file}, {"files", files}}, 1) +
         "\n";
}

Result<Manifest> ParseManifest(std::string_view json) {
  Result<Json> parsed = ParseJson(json, 8);
  if (!parsed.ok()) return parsed.status().WithContext("manifest.json");
  if (!parsed->is_object()) return InvalidArgument("manifest.json: must be an object");
  const auto format = parsed->find("format");
  if (format == parsed->end() || !format->is_number_integer() || format->get<int64_t>() != kFormat) {
    return InvalidArgument("manifest.json: format must be {}: this package was made by another Millrace",
                           kFormat);
  }
  const auto files = parsed->find("files");
  if (files == parsed->end() || !files->is_object() || files->size() > kMaxFiles) {
    return InvalidArgument("manifest.json: files must be an object of at most {} files", kMaxFiles);
  }
  Manifest manifest;
  for (const auto& [name, entry] : files->items()) {
    MR_ASSIGN_OR_RETURN(PackageFile file, FileFromJson(name, entry));
    manifest.files.push_back(std::move(file));
  }
  std::sort(manifest.files.begin(), manifest.files.end(),
            [](const PackageFile& a, const PackageFile& b) { return a.name < b.name; });
  const auto model = parsed->find("model_file");
  if (model == parsed->end() || !model->is_string() || !files->contains(model->get<std::string>())) {
    return InvalidArgument("manifest.json: model_file must name one of the files");
  }
  manifest.model_file = model->get<std::string>();
  return manifest;
}

}  // namespace millrace::registry
