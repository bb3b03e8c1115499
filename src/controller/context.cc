#include "controller/context.h"

#include <algorithm>
#include <filesystem>

namespace millrace::controller {

std::string Layout::Events(const std::string& project, const std::string& source) const {
  return fmt::format("{}/offline/{}/sources/{}", data_dir_, project, source);
}

std::string Layout::Pushed(const std::string& project, const std::string& source) const {
  return fmt::format("{}/offline/{}/pushed/{}", data_dir_, project, source);
}

std::string Layout::Dead(const std::string& project, const std::string& source) const {
  return fmt::format("{}/offline/{}/dead/{}", data_dir_, project, source);
}

std::string Layout::Features(const std::string& project, const std::string& view) const {
  return fmt::format("{}/offline/{}/features/{}", data_dir_, project, view);
}

std::string Layout::Package(const std::string& project, const std::string& model, int64_t version) const {
  return fmt::format("{}/packages/{}/{}/{}", data_dir_, project, model, version);
}

std::string Layout::Packages(const std::string& project, const std::string& model) const {
  return fmt::format("{}/packages/{}/{}", data_dir_, project, model);
}

std::vector<std::string> Layout::OfProject(const std::string& project) const {
  return {fmt::format("{}/offline/{}", data_dir_, project),
          fmt::format("{}/packages/{}", data_dir_, project)};
}

std::string Layout::Run(const std::string& run) const { return fmt::format("{}/runs/{}", data_dir_, run); }

bool Layout::Contains(const std::string& path) const {
  std::error_code error;
  const auto inner = std::filesystem::weakly_canonical(path, error);
  const auto outer = std::filesystem::weakly_canonical(data_dir_, error);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

Result<std::vector<resource::Resource>> ListOf(Context& context, const std::string& kind,
                                               const std::string& project) {
  resource::ListOptions options;
  options.kind = kind;
  options.project = project;
  MR_ASSIGN_OR_RETURN(resource::ResourceList list, context.stores.resources.List(options));
  return std::move(list.items);
}

}  // namespace millrace::controller
