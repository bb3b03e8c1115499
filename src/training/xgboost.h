// XGBoost's C API, as far as Millrace trains with it, loaded at run time.
//
// Only the training child loads it: a serving process never maps the library. The
// prototypes are declared here (they are XGBoost's stable C API, c_api.h of 3.2) so
// that no header of XGBoost's is needed to build.
//
//   MR_ASSIGN_OR_RETURN(const XgboostLibrary* xgb, XgboostLibrary::Load());
//   MR_ASSIGN_OR_RETURN(TrainingMatrix train, TrainingMatrix::Create(*xgb, values, rows, columns, labels,
//   threads)); MR_ASSIGN_OR_RETURN(Booster booster, Booster::Create(*xgb, {&train}, parameters));
//   MR_RETURN_IF_ERROR(booster.Update(round, train));
//
// One thread at a time uses a Booster or a matrix. Errors carry XGBoost's own message.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace millrace::training {

class XgboostLibrary {
 public:
  // Loads lib/libgomp-*.so* and lib/libxgboost.so beside the executable, once a process.
  // Unavailable, with the path and the loader's message, when that fails.
  static Result<const XgboostLibrary*> Load();

  std::string Version() const;  // "3.2.0"

  using Handle = void*;
  // As c_api.h names and declares them; 0 is success.
  const char* (*XGBGetLastError)() = nullptr;
  void (*XGBoostVersion)(int* major, int* minor, int* patch) = nullptr;
  int (*XGDMatrixCreateFromMat)(const float* data, uint64_t rows, uint64_t columns, float missing,
                                Handle* out) = nullptr;
  int (*XGDMatrixSetFloatInfo)(Handle matrix, const char* field, const float* values,
                               uint64_t size) = nullptr;
  int (*XGDMatrixSetStrFeatureInfo)(Handle matrix, const char* field, const char** values,
                                    uint64_t size) = nullptr;
  int (*XGDMatrixFree)(Handle matrix) = nullptr;
  int (*XGBoosterCreate)(const Handle matrices[], uint64_t size, Handle* out) = nullptr;
  int (*XGBoosterFree)(Handle booster) = nullptr;
  int (*XGBoosterSetParam)(Handle booster, const char* name, const char* value) = nullptr;
  int (*XGBoosterUpdateOneIter)(Handle booster, int round, Handle train) = nullptr;
  int (*XGBoosterEvalOneIter)(Handle booster, int round, Handle matrices[], const char* names[],
                              uint64_t size, const char** out) = nullptr;
  int (*XGBoosterSlice)(Handle booster, int begin, int end, int step, Handle* out) = nullptr;
  int (*XGBoosterSetAttr)(Handle booster, const char* key, const char* value) = nullptr;
  int (*XGBoosterSetStrFeatureInfo)(Handle booster, const char* field, const char** values,
                                    uint64_t size) = nullptr;
  int (*XGBoosterSaveModelToBuffer)(Handle booster, const char* config, uint64_t* size,
                                    const char** out) = nullptr;

  // Ok for 0, else XGBoost's last error with `what` before it.
  Status Check(int code, std::string_view what) const;
};

// A DMatrix: float32 rows, NaN is missing.
class TrainingMatrix {
 public:
  // `values` is row-major, rows × names.size().
  static Result<TrainingMatrix> Create(const XgboostLibrary& library, std::span<const float> values,
                                       uint64_t rows, std::span<const std::string> names,
                                       std::span<const float> labels);
  TrainingMatrix(TrainingMatrix&& other) noexcept
      : library_(other.library_), handle_(std::exchange(other.handle_, nullptr)) {}
  ~TrainingMatrix();
  XgboostLibrary::Handle handle() const { return handle_; }

 private:
  TrainingMatrix(const XgboostLibrary* library, XgboostLibrary::Handle handle)
      : library_(library), handle_(handle) {}
  const XgboostLibrary* library_;
  XgboostLibrary::Handle handle_;
};

class Booster {
 public:
  static Result<Booster> Create(const XgboostLibrary& library,
                                std::span<const TrainingMatrix* const> matrices,
                                std::span<const std::pair<std::string, std::string>> parameters);
  Booster(Booster&& other) noexcept
      : library_(other.library_), handle_(std::exchange(other.handle_, nullptr)) {}
  ~Booster();

  Status Update(int round, const TrainingMatrix& train);
  // XGBoost's text: "[3]\ttrain-logloss:0.12\tvalid-logloss:0.13".
  Result<std::string> Evaluate(int round, std::span<const TrainingMatrix* const> matrices,
                               std::span<const std::string> names);
  // The first `rounds` rounds as a model of their own.
  Result<Booster> FirstRounds(int rounds) const;
  Status SetFeatureNames(std::span<const std::string> names);
  // `format` is "ubj" or "json".
  Result<std::string> Save(std::string_view format) const;

 private:
  Booster(const XgboostLibrary* library, XgboostLibrary::Handle handle)
      : library_(library), handle_(handle) {}
  const XgboostLibrary* library_;
  XgboostLibrary::Handle handle_;
};

}  // namespace millrace::training
