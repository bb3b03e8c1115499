#include "cli/documents.h"

#include "base/file.h"

namespace millrace::cli {

Result<std::vector<resource::Document>> LoadDocuments(const std::vector<std::string>& paths) {
  std::vector<resource::Document> documents;
  resource::Diagnostics wrong;
  for (const std::string& path : paths) {
    if (!FileExists(path)) return NotFound("There is no file or folder {}.", path);
    resource::YamlSet set = resource::LoadYaml(path);
    wrong.Append(set.diagnostics);
    for (resource::Document& document : set.documents) documents.push_back(std::move(document));
  }
  if (!wrong.empty()) return wrong.ToStatus();
  if (documents.empty()) {
    return NotFound("{} holds no YAML document (*.yaml, *.yml).",
                    paths.empty() ? std::string(".") : paths.front());
  }
  return documents;
}

}  // namespace millrace::cli
