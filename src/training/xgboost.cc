#include "training/xgboost.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>

#include "base/file.h"

namespace millrace::training {
namespace {

Result<std::string> LibraryDirectory() {
  std::array<char, 4096> path;
  const ssize_t n = readlink("/proc/self/exe", path.data(), path.size());
  if (n <= 0) return Unavailable("cannot tell where this program lies, so not where its libraries are");
  const std::string exe(path.data(), static_cast<size_t>(n));
  return exe.substr(0, exe.rfind('/')) + "/lib";
}

Result<void*> Open(const std::string& path, int flags) {
  void* handle = dlopen(path.c_str(), flags);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return Unavailable("cannot load {}: {}", path, reason == nullptr ? "no reason given" : reason);
  }
  return handle;
}

// XGBoost's wheel brings its own OpenMP runtime and looks for it in the wheel's
// folders; loaded first, by its own name, it is found already.
Status OpenOpenMp(const std::string& directory) {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(directory));
  for (const std::string& name : names) {
    if (name.starts_with("libgomp") && name.find(".so") != std::string::npos) {
      MR_RETURN_IF_ERROR(Open(directory + "/" + name, RTLD_NOW | RTLD_GLOBAL).status());
    }
  }
  return Ok();
}

template <typename Function>
Status Find(void* handle, const char* name, Function& target) {
  void* symbol = dlsym(handle, name);
  if (symbol == nullptr) return Unavailable("libxgboost.so has no function {}", name);
  target = reinterpret_cast<Function>(symbol);
  return Ok();
}

Result<std::unique_ptr<XgboostLibrary>> LoadOnce() {
  MR_ASSIGN_OR_RETURN(const std::string directory, LibraryDirectory());
  MR_RETURN_IF_ERROR(OpenOpenMp(directory));
  MR_ASSIGN_OR_RETURN(void* const handle, Open(directory + "/libxgboost.so", RTLD_NOW | RTLD_LOCAL));
  auto library = std::make_unique<XgboostLibrary>();
#define MR_FIND(function) MR_RETURN_IF_ERROR(Find(handle, #function, library->function))
  MR_FIND(XGBGetLastError);
  MR_FIND(XGBoostVersion);
  MR_FIND(XGDMatrixCreateFromMat);
  MR_FIND(XGDMatrixSetFloatInfo);
  MR_FIND(XGDMatrixSetStrFeatureInfo);
  MR_FIND(XGDMatrixFree);
  MR_FIND(XGBoosterCreate);
  MR_FIND(XGBoosterFree);
  MR_FIND(XGBoosterSetParam);
  MR_FIND(XGBoosterUpdateOneIter);
  MR_FIND(XGBoosterEvalOneIter);
  MR_FIND(XGBoosterSlice);
  MR_FIND(XGBoosterSetAttr);
  MR_FIND(XGBoosterSetStrFeatureInfo);
  MR_FIND(XGBoosterSaveModelToBuffer);
#undef MR_FIND
  return library;
}

std::vector<const char*> Pointers(std::span<const std::string> texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

std::vector<XgboostLibrary::Handle> Handles(std::span<const TrainingMatrix* const> matrices) {
  std::vector<XgboostLibrary::Handle> handles;
  for (const TrainingMatrix* matrix : matrices) handles.push_back(matrix->handle());
  return handles;
}

}  // namespace

Result<const XgboostLibrary*> XgboostLibrary::Load() {
  static std::once_flag once;
  static std::unique_ptr<XgboostLibrary> library;
  static Status failure;
  std::call_once(once, [] {
    auto loaded = LoadOnce();
    if (loaded.ok()) {
      library = std::move(loaded).value();
    } else {
      failure = loaded.status();
    }
  });
  if (library == nullptr) return failure;
  return static_cast<const XgboostLibrary*>(library.get());
}

std::string XgboostLibrary::Version() const {
  int major = 0;
  int minor = 0;
  int patch = 0;
  XGBoostVersion(&major, &minor, &patch);
  return fmt::format("{}.{}.{}", major, minor, patch);
}

Status XgboostLibrary::Check(int code, std::string_view what) const {
  if (code == 0) return Ok();
  // The first line is the message; a stack trace follows it.
  std::string message = XGBGetLastError();
  if (message.find("bad_alloc") != std::string::npos) return ResourceExhausted("{}: out of memory", what);
  if (const size_t stack = message.find("\nStack trace"); stack != std::string::npos) message.resize(stack);
  return Internal("{}: XGBoost says: {}", what, message);
}

Result<TrainingMatrix> TrainingMatrix::Create(const XgboostLibrary& library, std::span<const float> values,
                                              uint64_t rows, std::span<const std::string> names,
                                              std::span<const float> labels) {
  MR_CHECK(values.size() == rows * names.size() && labels.size() == rows, "{} values, {} rows", values.size(),
           rows);
  XgboostLibrary::Handle handle = nullptr;
  MR_RETURN_IF_ERROR(
      library.Check(library.XGDMatrixCreateFromMat(values.data(), rows, names.size(),
                                                   std::numeric_limits<float>::quiet_NaN(), &handle),
                    "making the training matrix"));
  TrainingMatrix matrix(&library, handle);
  MR_RETURN_IF_ERROR(library.Check(
      library.XGDMatrixSetFloatInfo(handle, "label", labels.data(), labels.size()), "setting labels"));
  std::vector<const char*> pointers = Pointers(names);
  MR_RETURN_IF_ERROR(library.Check(
      library.XGDMatrixSetStrFeatureInfo(handle, "feature_name", pointers.data(), pointers.size()),
      "naming features"));
  return matrix;
}

TrainingMatrix::~TrainingMatrix() {
  if (handle_ != nullptr) library_->XGDMatrixFree(handle_);
}

Result<Booster> Booster::Create(const XgboostLibrary& library,
                                std::span<const TrainingMatrix* const> matrices,
                                std::span<const std::pair<std::string, std::string>> parameters) {
  const std::vector<XgboostLibrary::Handle> handles = Handles(matrices);
  XgboostLibrary::Handle handle = nullptr;
  MR_RETURN_IF_ERROR(
      library.Check(library.XGBoosterCreate(handles.data(), handles.size(), &handle), "making the booster"));
  Booster booster(&library, handle);
  for (const auto& [name, value] : parameters) {
    MR_RETURN_IF_ERROR(library.Check(library.XGBoosterSetParam(handle, name.c_str(), value.c_str()),
                                     fmt::format("setting {} to {}", name, value)));
  }
  return booster;
}

Booster::~Booster() {
  if (handle_ != nullptr) library_->XGBoosterFree(handle_);
}

Status Booster::Update(int round, const TrainingMatrix& train) {
  return library_->Check(library_->XGBoosterUpdateOneIter(handle_, round, train.handle()),
                         fmt::format("training round {}", round + 1));
}

Result<std::string> Booster::Evaluate(int round, std::span<const TrainingMatrix* const> matrices,
                                      std::span<const std::string> names) {
  std::vector<XgboostLibrary::Handle> handles = Handles(matrices);
  std::vector<const char*> pointers = Pointers(names);
  const char* text = nullptr;
  MR_RETURN_IF_ERROR(library_->Check(
      library_->XGBoosterEvalOneIter(handle_, round, handles.data(), pointers.data(), handles.size(), &text),
      fmt::format("evaluating round {}", round + 1)));
  return std::string(text);
}

Result<Booster> Booster::FirstRounds(int rounds) const {
  XgboostLibrary::Handle handle = nullptr;
  MR_RETURN_IF_ERROR(
      library_->Check(library_->XGBoosterSlice(handle_, 0, rounds, 1, &handle), "keeping the best rounds"));
  return Booster(library_, handle);
}

Status Booster::SetFeatureNames(std::span<const std::string> names) {
  std::vector<const char*> pointers = Pointers(names);
  return library_->Check(
      library_->XGBoosterSetStrFeatureInfo(handle_, "feature_name", pointers.data(), pointers.size()),
      "naming the model's features");
}

Result<std::string> Booster::Save(std::string_view format) const {
  const std::string config = fmt::format(R"({{"format": "{}"}})", format);
  uint64_t size = 0;
  const char* bytes = nullptr;
  MR_RETURN_IF_ERROR(library_->Check(
      library_->XGBoosterSaveModelToBuffer(handle_, config.c_str(), &size, &bytes), "saving the model"));
  return std::string(bytes, size);
}

}  // namespace millrace::training
