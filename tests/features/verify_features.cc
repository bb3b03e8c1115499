// Computes the features of the fraud example by every path that the product has
// and compares them, bit by bit: in batch with 1 and 2 threads, and through the
// online state event by event, with a restart in the middle, labels that arrive
// when they are known, and arrival shuffled within the allowed lateness. Writes
// the batch's features as Parquet, for the comparison with tests/features/oracle.py.
//
//   verify_features YAML ROWS_GLOB OUT_DIR
//
// Prints one line a path; exits 1 if any value differs anywhere.

#include <bit>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>
#include <map>
#include <random>

#include "base/file.h"
#include "feature/batch.h"
#include "feature/online_store.h"
#include "feature/plan.h"
#include "resource/decode.h"
#include "resource/yaml.h"
#include "source/source.h"
#include "table/parquet.h"

namespace millrace {
namespace {

using feature::Cell;
using feature::OnlineStore;
using feature::ServicePlanPtr;
using feature::ViewPlanPtr;

constexpr char kSourceKey[] = "default/transactions";
constexpr Micros kLateness = std::chrono::hours(1);

template <typename T>
T Require(Result<T> result, const char* what) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "verify_features: %s: %s\n", what, result.status().ToString().c_str());
  std::exit(2);
}

void Require(const Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "verify_features: %s: %s\n", what, status.ToString().c_str());
  std::exit(2);
}

// The example's definitions, compiled against its rows.
struct Definitions {
  feature::SourcePlan source;
  std::vector<ViewPlanPtr> views;
  ServicePlanPtr service;
  Table events;
};

const Json& SpecOf(const resource::YamlSet& set, const std::string& kind, size_t index = 0) {
  for (const resource::Document& document : set.documents) {
    if (document.value["kind"] == kind && index-- == 0) return document.value["spec"];
  }
  std::fprintf(stderr, "verify_features: the example has no further %s\n", kind.c_str());
  std::exit(2);
}

Definitions Load(const std::string& yaml, const std::string& rows) {
  const resource::YamlSet set = resource::LoadYaml(yaml);
  auto source_spec =
      Require(resource::DecodeSpec<resource::DataSourceSpec>(SpecOf(set, "DataSource")), "DataSource");
  source_spec.files->paths = {rows};
  source_spec.lateness = kLateness;
  Definitions d;
  d.events = Require(source::ReadSource(source_spec), "reading the rows").events;
  d.source = Require(feature::PlanSource("transactions", source_spec, d.events.schema()), "the source");
  const char* const names[] = {"customer-spending", "terminal-risk"};
  for (size_t i = 0; i < 2; ++i) {
    const auto spec =
        Require(resource::DecodeSpec<resource::FeatureViewSpec>(SpecOf(set, "FeatureView", i)), names[i]);
    d.views.push_back(Require(feature::CompileView(names[i], spec, d.source), names[i]));
  }
  const auto spec = Require(resource::DecodeSpec<resource::FeatureServiceSpec>(SpecOf(set, "FeatureService")),
                            "FeatureService");
  d.service = Require(feature::CompileService("fraud-input", spec, d.source, d.views), "FeatureService");
  return d;
}

uint64_t BitsAt(const Column& column, size_t row) {
  if (column.IsNull(row)) return std::bit_cast<uint64_t>(std::numeric_limits<double>::quiet_NaN());
  const double value = column.type() == DataType::kDouble ? column.doubles()[row]
                       : column.type() == DataType::kBool ? static_cast<double>(column.bools()[row])
                                                          : static_cast<double>(column.ints()[row]);
  return std::bit_cast<uint64_t>(value);
}

// Counts values of a path that differ from the batch's vectors.
class Comparison {
 public:
  Comparison(std::string path, const Table& expected) : path_(std::move(path)), expected_(expected) {}

  void Row(size_t row, const std::vector<double>& vector) {
    for (size_t i = 0; i < vector.size(); ++i) {
      const double value = std::isnan(vector[i]) ? std::numeric_limits<double>::quiet_NaN() : vector[i];
      Count(BitsAt(expected_.column(i), row), std::bit_cast<uint64_t>(value), row, i);
    }
  }
  void All(const Table& actual) {
    for (size_t i = 0; i < expected_.num_columns(); ++i) {
      for (size_t row = 0; row < expected_.num_rows(); ++row) {
        Count(BitsAt(expected_.column(i), row), BitsAt(actual.column(i), row), row, i);
      }
    }
  }
  // True when nothing differed.
  bool Finish() const {
    std::printf("verify: %-58s %lld values, %lld different\n", path_.c_str(), static_cast<long long>(values_),
                static_cast<long long>(different_));
    std::fflush(stdout);
    return different_ == 0 && values_ > 0;
  }

 private:
  void Count(uint64_t expected, uint64_t actual, size_t row, size_t column) {
    ++values_;
    if (expected == actual) return;
    if (different_++ < 3) {
      std::printf("verify: row %zu, %s: %.17g expected, %.17g found\n", row,
                  expected_.schema()[column].name.c_str(), std::bit_cast<double>(expected),
                  std::bit_cast<double>(actual));
    }
  }

  const std::string path_;
  const Table& expected_;
  int64_t values_ = 0;
  int64_t different_ = 0;
};

// Cells of one row of `table`, for the columns named by `schema`.
class RowReader {
 public:
  RowReader(const Table& table, const Schema& schema) {
    for (const Field& field : schema.fields()) columns_.push_back(Require(table.Find(field.name), "a field"));
  }
  const std::vector<Cell>& Read(size_t row) {
    cells_.clear();
    for (const Column& column : columns_) {
      cells_.push_back(column.IsNull(row)                   ? Cell::Null()
                       : column.type() == DataType::kDouble ? Cell::Double(column.doubles()[row])
                       : column.type() == DataType::kBool   ? Cell::Bool(column.bools()[row] != 0)
                       : column.type() == DataType::kString ? Cell::Text(column.String(row))
                                                            : Cell::Int(column.ints()[row]));
    }
    return cells_;
  }

 private:
  std::vector<Column> columns_;
  std::vector<Cell> cells_;
};

std::unique_ptr<OnlineStore> OpenStore(const std::string& directory) {
  return Require(OnlineStore::Open({.directory = directory}), "opening the online state");
}

std::unique_ptr<OnlineStore> EmptyStore(const std::string& directory, const Definitions& d) {
  std::unique_ptr<OnlineStore> store = OpenStore(directory);
  Require(store->Load(kSourceKey, d.source, d.views, d.events.Take({}), {.marker = "empty"}),
          "loading nothing");
  return store;
}

// Joins the labels of all events up to `known`, whose rows begin at `next`; returns the first that is not.
size_t JoinLabels(OnlineStore& store, const Definitions& d, size_t next, EventTime known) {
  const Column times = d.events.column(d.source.event_time);
  const Column ids = d.events.column(*d.source.event_id);
  const Column labels = Require(d.events.Find("tx_fraud"), "tx_fraud");
  std::vector<feature::LateColumns> updates;
  for (; next < d.events.num_rows() && times.ints()[next] <= known.micros; ++next) {
    updates.push_back({ids.Get(next), {{"tx_fraud", labels.Get(next)}}});
  }
  if (!updates.empty()) {
    const auto joined = Require(store.Update(kSourceKey, updates), "joining labels");
    if (!joined.refused.empty())
      Require(InvalidArgument("{}", joined.refused.front().reason), "joining a label");
  }
  return next;
}

// Each event is scored, then learned, without its label; labels come a week
// later; half-way the store is closed and opened again.
bool VerifyReplay(const Definitions& d, const Table& expected, bool restart) {
  const TempDirectory directory;
  std::unique_ptr<OnlineStore> store = EmptyStore(directory.path(), d);
  Comparison comparison(
      restart ? "replay in order, labels a week later, one restart" : "replay in order, labels a week later",
      expected);
  auto scorer = Require(store->Bind("default", d.service), "binding");
  RowReader requests(d.events, d.service->fields);
  RowReader rows(d.events, d.source.schema);
  const size_t label = *d.source.schema.Find("tx_fraud");
  const std::span<const int64_t> times = d.events.column(d.source.event_time).ints();
  const Micros delay = d.source.known_after.at("tx_fraud");
  constexpr int64_t kHour = 3'600'000'000;
  std::vector<double> vector(d.service->inputs.size());
  size_t labelled = 0;
  int64_t hour = std::numeric_limits<int64_t>::min();
  for (size_t row = 0; row < d.events.num_rows(); ++row) {
    if (restart && row == d.events.num_rows() / 2) {
      store.reset();
      store = OpenStore(directory.path());
      scorer = Require(store->Bind("default", d.service), "binding again");
    }
    if (times[row] / kHour != hour) {  // all labels that become known within this hour
      hour = times[row] / kHour;
      labelled = JoinLabels(*store, d, labelled, EventTime{(hour + 1) * kHour} - delay);
    }
    Require(scorer.Score(requests.Read(row), vector), "scoring");
    comparison.Row(row, vector);
    std::vector<Cell> event = rows.Read(row);
    event[label] = Cell::Null();
    Require(store->Learn(kSourceKey, event), "learning");
  }
  return comparison.Finish();
}

// Events arrive shuffled within the lateness; each is scored when all before it have arrived.
bool VerifyShuffled(const Definitions& d, const Table& expected) {
  const TempDirectory directory;
  const std::unique_ptr<OnlineStore> store = EmptyStore(directory.path(), d);
  const auto scorer = Require(store->Bind("default", d.service), "binding");
  Comparison comparison("arrival shuffled within an hour's lateness", expected);
  RowReader requests(d.events, d.service->fields);
  const std::span<const int64_t> times = d.events.column(d.source.event_time).ints();
  std::mt19937_64 random(20180725);
  std::vector<double> vector(d.service->inputs.size());
  std::vector<int64_t> order;
  for (size_t begin = 0; begin < times.size();) {
    size_t end = begin;
    while (end < times.size() && times[end] - times[begin] < kLateness.count()) ++end;
    order.clear();
    for (size_t row = begin; row < end; ++row) order.push_back(static_cast<int64_t>(row));
    std::shuffle(order.begin(), order.end(), random);
    const auto appended = Require(store->Append(kSourceKey, d.events.Take(order)), "appending");
    if (!appended.refused.empty())
      Require(InvalidArgument("{}", appended.refused.front().reason), "an event");
    for (size_t row = begin; row < end; ++row) {
      Require(scorer.Score(requests.Read(row), vector), "scoring");
      comparison.Row(row, vector);
    }
    begin = end;
  }
  return comparison.Finish();
}

// The columns of the vectors that come from one view.
Table InputsOf(const Definitions& d, const Table& vectors, const std::string& view) {
  std::vector<std::string> names;
  for (const feature::ServiceInput& input : d.service->inputs) {
    if (input.kind != feature::ServiceInput::Kind::kView) continue;
    if (d.service->views[input.index].plan->name == view) names.push_back(input.name);
  }
  return Require(vectors.Select(names), "the view's inputs");
}

// The features of each view with their own types, and the same values in the vectors.
bool VerifyViews(const Definitions& d, const Table& vectors, const std::string& out) {
  bool equal = true;
  for (const ViewPlanPtr& view : d.views) {
    const Table one = Require(
        feature::ComputeFeatures(*view, d.events, feature::Spine::OfEvents(), {.threads = 1}), "features");
    const Table two = Require(
        feature::ComputeFeatures(*view, d.events, feature::Spine::OfEvents(), {.threads = 2}), "features");
    Comparison threads("batch, " + view->name + ", 2 threads against 1", one);
    threads.All(two);
    equal &= threads.Finish();
    Comparison inputs("vectors against features, " + view->name, one);
    inputs.All(InputsOf(d, vectors, view->name));
    equal &= inputs.Finish();
    std::vector<Field> fields = {{"transaction_id", DataType::kInt64}};
    std::vector<Column> with_id = {d.events.column(*d.source.event_id)};
    for (size_t i = 0; i < one.num_columns(); ++i) {
      fields.push_back({view->name + "__" + one.schema()[i].name, one.schema()[i].type});
      with_id.push_back(one.column(i));
    }
    Require(WriteParquet(out + "/" + view->name + ".parquet",
                         Require(Table::Create(Schema(fields), with_id), "the view's table")),
            "writing the features");
  }
  return equal;
}

int Main(const std::string& yaml, const std::string& rows, const std::string& out) {
  const Definitions d = Load(yaml, rows);
  std::printf("verify: %zu rows\n", d.events.num_rows());
  const feature::EventTables events = {{d.source.name, d.events}};
  const Table vectors =
      Require(feature::ComputeVectors(*d.service, d.events, events, {.threads = 1}), "computing vectors");
  bool equal = true;
  Comparison threads("vectors, 2 threads against 1", vectors);
  threads.All(
      Require(feature::ComputeVectors(*d.service, d.events, events, {.threads = 2}), "computing vectors"));
  equal &= threads.Finish();
  equal &= VerifyViews(d, vectors, out);
  equal &= VerifyReplay(d, vectors, false);
  equal &= VerifyReplay(d, vectors, true);
  equal &= VerifyShuffled(d, vectors);
  return equal ? 0 : 1;
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: verify_features YAML ROWS_GLOB OUT_DIR\n";
    return 2;
  }
  return millrace::Main(argv[1], argv[2], argv[3]);
}
