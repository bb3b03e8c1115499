// The compiled sides of bench-tree: Millrace's engine, XGBoost's C API, and the
// functions that tl2cgen and lleaves generate, each called from the same loop.
//
//   bench_tree DIRECTORY LIBXGBOOST
//
// DIRECTORY holds model.ubj, rows.f32 (4,096 rows), tl2cgen.so, lleaves_row.so
// and lleaves_batch.so. Prints JSON with nanoseconds a call, and leaves each
// side's margins beside the model for bench/tree.py to compare.
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "inference/tree_model.h"

namespace millrace {
namespace {

constexpr size_t kRows = 4096;
using Clock = std::chrono::steady_clock;

// The median over rounds of the mean time of a call, in nanoseconds.
double Measure(size_t calls, const std::function<void(size_t)>& call) {
  std::vector<double> rounds;
  for (size_t i = 0; i < calls; ++i) call(i);  // warm
  for (int round = 0; round < 15; ++round) {
    const auto start = Clock::now();
    for (size_t i = 0; i < calls; ++i) call(i);
    const std::chrono::duration<double, std::nano> took = Clock::now() - start;
    rounds.push_back(took.count() / static_cast<double>(calls));
  }
  std::nth_element(rounds.begin(), rounds.begin() + 7, rounds.end());
  return rounds[7];
}

struct Inputs {
  std::string directory;
  size_t features = 0;
  std::vector<float> rows;

  const float* Row(size_t i) const { return &rows[(i % kRows) * features]; }
};

void* OpenLibrary(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  MR_CHECK(library != nullptr, "{}", dlerror());
  return library;
}

template <typename Function>
Function Symbol(void* library, const char* name) {
  void* symbol = dlsym(library, name);
  MR_CHECK(symbol != nullptr, "the library has no function {}", name);
  return reinterpret_cast<Function>(symbol);
}

Json Keep(const Inputs& in, const std::string& side, const std::vector<float>& margins) {
  const std::string file = side + ".margins.f32";
  const std::string_view bytes(reinterpret_cast<const char*>(margins.data()), margins.size() * sizeof(float));
  MR_CHECK(WriteFileAtomically(in.directory + "/" + file, bytes).ok(), "cannot write {}", file);
  return file;
}

Json MeasureMillrace(const Inputs& in, const inference::TreeModel& model) {
  std::vector<float> margins(kRows);
  Json result;
  result["one_row"] = Measure(kRows, [&](size_t i) {
    model.PredictMargin(std::span(in.Row(i), in.features), std::span(margins).subspan(i % kRows, 1));
  });
  result["batch"] = Measure(10, [&](size_t) { model.PredictMargins(in.rows, margins); });
  result["margins"] = Keep(in, "millrace", margins);
  return result;
}

// XGBoosterPredictFromDense with the array interface, as XGBoost's own bindings do it.
Json MeasureXgboost(const Inputs& in, const std::string& library_path) {
  void* library = OpenLibrary(library_path);
  using Handle = void*;
  const auto create = Symbol<int (*)(const Handle*, uint64_t, Handle*)>(library, "XGBoosterCreate");
  const auto load = Symbol<int (*)(Handle, const char*)>(library, "XGBoosterLoadModel");
  const auto set = Symbol<int (*)(Handle, const char*, const char*)>(library, "XGBoosterSetParam");
  const auto predict =
      Symbol<int (*)(Handle, const char*, const char*, Handle, const uint64_t**, uint64_t*, const float**)>(
          library, "XGBoosterPredictFromDense");
  Handle booster = nullptr;
  MR_CHECK(create(nullptr, 0, &booster) == 0, "XGBoosterCreate failed");
  MR_CHECK(load(booster, (in.directory + "/model.ubj").c_str()) == 0, "XGBoosterLoadModel failed");
  MR_CHECK(set(booster, "nthread", "1") == 0, "XGBoosterSetParam failed");
  const std::string config = R"({"type": 1, "training": false, "iteration_begin": 0, "iteration_end": 0,)"
                             R"( "strict_shape": false, "cache_id": 0, "missing": NaN})";
  const auto array = [&](const float* data, size_t n) {
    return fmt::format(R"({{"data": [{}, true], "shape": [{}, {}], "typestr": "<f4", "version": 3}})",
                       reinterpret_cast<uintptr_t>(data), n, in.features);
  };
  std::vector<std::string> singles;
  for (size_t i = 0; i < kRows; ++i) singles.push_back(array(in.Row(i), 1));
  const std::string all = array(in.rows.data(), kRows);
  const uint64_t* shape = nullptr;
  uint64_t dimensions = 0;
  const float* out = nullptr;
  const auto call = [&](const std::string& data) {
    MR_CHECK(predict(booster, data.c_str(), config.c_str(), nullptr, &shape, &dimensions, &out) == 0,
             "XGBoosterPredictFromDense failed");
  };
  Json result;
  result["one_row"] = Measure(kRows, [&](size_t i) { call(singles[i % kRows]); });
  result["batch"] = Measure(5, [&](size_t) { call(all); });
  result["margins"] = Keep(in, "xgboost_c", std::vector<float>(out, out + kRows));
  return result;
}

// tl2cgen's generated code takes a row of these, one a feature.
union Entry {
  int missing;
  float fvalue;
  int qvalue;
};

Json MeasureTl2cgen(const Inputs& in) {
  void* library = OpenLibrary(in.directory + "/tl2cgen.so");
  const auto predict = Symbol<void (*)(Entry*, int, float*)>(library, "predict");
  std::vector<Entry> entries(in.rows.size());
  for (size_t i = 0; i < entries.size(); ++i) entries[i].fvalue = in.rows[i];
  std::vector<float> margins(kRows);
  const auto row = [&](size_t i) {
    margins[i] = 0;
    predict(&entries[i * in.features], 1, &margins[i]);
  };
  Json result;
  result["one_row"] = Measure(kRows, [&](size_t i) { row(i % kRows); });
  result["batch"] = Measure(5, [&](size_t) {
    for (size_t i = 0; i < kRows; ++i) row(i);
  });
  result["margins"] = Keep(in, "tl2cgen", margins);
  return result;
}

Json MeasureLleaves(const Inputs& in, const std::string& side) {
  void* library = OpenLibrary(in.directory + "/" + side + ".so");
  const auto predict = Symbol<void (*)(const float*, float*, int, int)>(library, "forest_root");
  std::vector<float> margins(kRows);
  Json result;
  result["one_row"] = Measure(kRows, [&](size_t i) { predict(in.Row(i), &margins[i % kRows], 0, 1); });
  result["batch"] =
      Measure(5, [&](size_t) { predict(in.rows.data(), margins.data(), 0, static_cast<int>(kRows)); });
  result["margins"] = Keep(in, side, margins);
  return result;
}

int Main(const std::string& directory, const std::string& xgboost) {
  auto model = inference::TreeModel::Load(directory + "/model.ubj");
  MR_CHECK(model.ok(), "{}", model.status().ToString());
  const auto bytes = ReadFile(directory + "/rows.f32");
  MR_CHECK(bytes.ok(), "{}", bytes.status().ToString());
  Inputs in{.directory = directory, .features = model->num_features(), .rows = {}};
  in.rows.resize(kRows * in.features);
  MR_CHECK(bytes->size() == in.rows.size() * sizeof(float), "rows.f32 should have {} rows", kRows);
  std::copy_n(bytes->data(), bytes->size(), reinterpret_cast<char*>(in.rows.data()));

  Json results;
  results["millrace"] = MeasureMillrace(in, *model);
  if (!xgboost.empty()) {
    results["xgboost_c"] = MeasureXgboost(in, xgboost);
    results["tl2cgen"] = MeasureTl2cgen(in);
    for (const std::string side : {"lleaves_row", "lleaves_batch"}) results[side] = MeasureLleaves(in, side);
  }
  fmt::print("{}\n", FormatJson(results));
  return 0;
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "bench_tree DIRECTORY [LIBXGBOOST]: bench/tree.sh makes both\n");
    return 2;
  }
  return millrace::Main(argv[1], argc > 2 ? argv[2] : "");
}
