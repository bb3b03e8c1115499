#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "resource/yaml.h"

namespace millrace::resource {
namespace {

namespace fs = std::filesystem;

bool IsYaml(const fs::path& path) { return path.extension() == ".yaml" || path.extension() == ".yml"; }

class Loader {
 public:
  explicit Loader(const YamlLimits& limits) : limits_(limits) {}

  YamlSet Load(const std::string& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) {
      Report(path, "there is no such file or folder");
    } else if (fs::is_directory(status)) {
      LoadFolder(path, 0);
      if (files_ == 0 && set_.diagnostics.empty()) Report(path, "no *.yaml or *.yml file is in this folder");
    } else {
      LoadFile(path);
    }
    return std::move(set_);
  }

 private:
  void Report(const std::string& path, std::string message) {
    set_.diagnostics.Add({{path, 0, 0}, "", "", std::move(message)});
  }

  void LoadFolder(const fs::path& folder, size_t depth) {
    if (depth > limits_.folder_depth) {
      return Report(folder.string(), fmt::format("the folders nest deeper than {}", limits_.folder_depth));
    }
    Result<std::vector<std::string>> names = ListDirectory(folder.string());
    if (!names.ok()) return Report(folder.string(), names.status().message());
    for (const std::string& name : *names) {
      if (name.starts_with('.')) continue;
      const fs::path path = folder / name;
      std::error_code error;
      // A link to a folder might lead back up: only real folders are entered.
      if (fs::is_directory(fs::symlink_status(path, error))) {
        LoadFolder(path, depth + 1);
      } else if (IsYaml(path) && fs::is_regular_file(path, error)) {
        if (++files_ > limits_.files) {
          return Report(folder.string(), fmt::format("more than {} files", limits_.files));
        }
        LoadFile(path);
      }
    }
  }

  void LoadFile(const fs::path& path) {
    Result<std::string> text = ReadFile(path.string(), limits_.bytes);
    if (!text.ok()) return Report(path.string(), text.status().message());
    YamlSet one = ParseYaml(*text, path.string(), limits_);
    std::error_code error;
    const std::string folder = fs::absolute(path, error).lexically_normal().parent_path().string();
    for (Document& document : one.documents) {
      document.folder = folder;
      set_.documents.push_back(std::move(document));
    }
    set_.diagnostics.Append(one.diagnostics);
  }

  const YamlLimits& limits_;
  YamlSet set_;
  size_t files_ = 0;
};

}  // namespace

YamlSet LoadYaml(const std::string& path, const YamlLimits& limits) { return Loader(limits).Load(path); }

}  // namespace millrace::resource
