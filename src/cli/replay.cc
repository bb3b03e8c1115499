#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/percent.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/data_dir.h"
#include "cli/replay_run.h"
#include "cli/resource_text.h"
#include "cli/terminal.h"
#include "controller/ready.h"
#include "resource/decode.h"
#include "table/parquet.h"
#include "training/evaluate.h"

namespace millrace::cli {
namespace {

struct Args {
  ServerOptions server;
  std::string endpoint;
  int64_t version = 0;
  int64_t limit = 0;
  double rate = 0;
  std::string output;
};

// Everything about the endpoint that a replay needs.
struct Subject {
  std::string model;
  int64_t version = 0;
  resource::ModelSpec spec;
  std::string source;
  resource::DataSourceSpec source_spec;
  bool learns = false;
  std::string run;
  std::map<std::string, double> offline;  // metrics of the version
};

Result<Json> GetResource(http::Client& client, const Args& args, const std::string& kind,
                         const std::string& name) {
  return GetJson(client, ResourcePath(*resource::FindKind(kind), args.server.project, name));
}

Result<Subject> FindSubject(http::Client& client, const Args& args) {
  Subject subject;
  MR_ASSIGN_OR_RETURN(const Json endpoint, GetResource(client, args, "ModelEndpoint", args.endpoint));
  MR_ASSIGN_OR_RETURN(const auto endpoint_spec,
                      resource::DecodeSpec<resource::ModelEndpointSpec>(resource::ValueAt(endpoint, "spec")));
  subject.model = endpoint_spec.model;
  subject.learns = !endpoint_spec.learn.empty();
  const Json serving = resource::ValueAt(endpoint, "status.version");
  if (!serving.is_number_integer())
    return Unavailable("ModelEndpoint {} serves no version yet.", args.endpoint);
  subject.version = args.version > 0 ? args.version : serving.get<int64_t>();
  if (subject.version != serving.get<int64_t>()) {
    return FailedPrecondition("ModelEndpoint {} serves version {}, not {}.", args.endpoint,
                              serving.get<int64_t>(), subject.version);
  }
  MR_ASSIGN_OR_RETURN(const Json model, GetResource(client, args, "Model", subject.model));
  MR_ASSIGN_OR_RETURN(subject.spec,
                      resource::DecodeSpec<resource::ModelSpec>(resource::ValueAt(model, "spec")));
  subject.source = subject.spec.examples;
  MR_ASSIGN_OR_RETURN(const Json source, GetResource(client, args, "DataSource", subject.source));
  MR_ASSIGN_OR_RETURN(subject.source_spec,
                      resource::DecodeSpec<resource::DataSourceSpec>(resource::ValueAt(source, "spec")));
  MR_ASSIGN_OR_RETURN(
      const Json version,
      GetJson(client, fmt::format("{}/models/{}/versions/{}", ProjectPath(args.server.project),
                                  PercentEncode(subject.model), subject.version)));
  subject.run = version.value("run", "");
  const Json metrics = version.value("metrics", Json::object());
  for (const auto& [name, value] : metrics.items()) {
    if (value.is_number()) subject.offline[name] = value.get<double>();
  }
  return subject;
}

// The rows lie in the data directory, which is on this machine.
Result<Table> StoredRows(const Args& args, const Subject& subject) {
  std::string directory = args.server.data_dir;
  if (directory.empty()) directory = ReadNote(args.server.server);
  if (directory.empty()) directory = ".millrace";
  Result<Table> rows = ReadParquet(fmt::format("{}/runs/{}/test.parquet", directory, subject.run));
  if (!rows.ok() && rows.status().code() == Code::kNotFound) {
    return NotFound("The test rows of {} version {} are not in {}. Name the data directory with --data-dir.",
                    subject.model, subject.version, directory);
  }
  return rows;
}

// The served scores as metrics, by the code that judged the version.
Result<training::Evaluation> Evaluate(const Subject& subject, const Table& rows,
                                      const ReplayResult& replayed) {
  MR_ASSIGN_OR_RETURN(const Column counts, rows.Find("counts"));
  MR_ASSIGN_OR_RETURN(const Column label, rows.Find("label"));
  MR_ASSIGN_OR_RETURN(const Column time, rows.Find(subject.source_spec.event_time));
  std::vector<int64_t> kept;
  std::vector<double> scores;
  for (size_t i = 0; i < replayed.scores.size(); ++i) {
    if (counts.bools()[i] == 0) continue;
    kept.push_back(static_cast<int64_t>(i));
    // As the offline scores were: a float32, widened.
    scores.push_back(static_cast<double>(static_cast<float>(replayed.scores[i])));
  }
  training::TestRows test;
  test.table = rows.Take(kept);
  MR_ASSIGN_OR_RETURN(test.labels, training::BinaryLabels(label.Take(kept), subject.spec.label));
  const Column times = time.Take(kept);
  test.times.assign(times.ints().begin(), times.ints().end());
  test.positives = std::count(test.labels.begin(), test.labels.end(), uint8_t{1});
  for (const resource::MetricSpec& metric : subject.spec.metrics) {
    if (metric.per.empty()) continue;
    Result<Column> entity = rows.Find(metric.per);
    if (!entity.ok()) entity = rows.Find("entity." + metric.per);
    if (!entity.ok()) return entity.status();
    std::map<std::string, int64_t> numbers;
    std::vector<int64_t>& dense = test.entities[metric.per];
    for (const int64_t row : kept) {
      const std::string text = ToText(entity->Get(static_cast<size_t>(row)));
      dense.push_back(numbers.emplace(text, static_cast<int64_t>(numbers.size())).first->second);
    }
  }
  return training::EvaluateScores(test, scores, subject.spec.metrics);
}

struct Latencies {
  double p50 = 0;
  double p99 = 0;
  double p999 = 0;  // ms
};

Latencies LatenciesOf(const ReplayResult& replayed) {
  std::vector<int64_t> nanos = replayed.nanos;
  const auto millis = [&](double quantile) { return static_cast<double>(Quantile(nanos, quantile)) / 1e6; };
  return {.p50 = millis(0.5), .p99 = millis(0.99), .p999 = millis(0.999)};
}

Json ReportJson(const Args& args, const Subject& subject, const ReplayResult& replayed, const Json& online) {
  const Latencies latency = LatenciesOf(replayed);
  Json differences = Json::array();
  for (const Difference& difference : replayed.differences) {
    differences.push_back({{"row", difference.row},
                           {"what", difference.what},
                           {"offline", difference.offline},
                           {"online", difference.online}});
  }
  return {{"endpoint", args.endpoint},
          {"model", subject.model},
          {"version", subject.version},
          {"rows", replayed.rows},
          {"rowsPerSecond", static_cast<double>(replayed.rows) / std::max(replayed.seconds, 1e-9)},
          {"features", replayed.features},
          {"vectorsCompared", replayed.rows},
          {"vectorsDifferent", replayed.different_vectors},
          {"scoresDifferent", replayed.different_scores},
          {"differences", std::move(differences)},
          {"updates", replayed.updates},
          {"metrics", {{"offline", subject.offline}, {"online", online}}},
          {"latencyMillis", {{"p50", latency.p50}, {"p99", latency.p99}, {"p99.9", latency.p999}}}};
}

void PrintReport(const Subject& subject, const ReplayResult& replayed, const Json& online) {
  using controller::GroupDigits;
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : subject.offline) {
    const Json served = online.value(name, Json());
    rows.push_back({name, fmt::format("{:.6f}", value),
                    served.is_number() ? fmt::format("{:.6f}", served.get<double>()) : "-"});
  }
  Print(AlignedTable({"", "OFFLINE", "ONLINE"}, rows, {"OFFLINE", "ONLINE"}));
  const Latencies latency = LatenciesOf(replayed);
  const auto tint = [](int64_t count) {
    return Coloured(count == 0 ? Colour::kGreen : Colour::kRed, GroupDigits(count));
  };
  Print(AlignedTable(
      {"", ""},
      {{"vectors compared", fmt::format("{} of {} features", GroupDigits(replayed.rows), replayed.features)},
       {"vectors different", tint(replayed.different_vectors)},
       {"scores different", tint(replayed.different_scores)},
       {"requests a second",
        GroupDigits(static_cast<int64_t>(static_cast<double>(replayed.rows) / replayed.seconds))},
       {"latency", fmt::format("p50 {:.3f} ms, p99 {:.3f} ms, p99.9 {:.3f} ms", latency.p50, latency.p99,
                               latency.p999)}}));
  for (const Difference& difference : replayed.differences) {
    Print(fmt::format("  row {}: {} is {} offline, {} online\n", difference.row, difference.what,
                      difference.offline, difference.online));
  }
}

Status Run(const Args& args) {
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  MR_ASSIGN_OR_RETURN(const Subject subject, FindSubject(client, args));
  MR_ASSIGN_OR_RETURN(const Table rows, StoredRows(args, subject));
  ReplayOptions options;
  options.infer_target = "/v2/models/" + (args.server.project == "default" ? "" : args.server.project + ".") +
                         PercentEncode(args.endpoint) + "/infer";
  if (subject.learns) {
    options.push_target = fmt::format("{}/datasources/{}/push", ProjectPath(args.server.project),
                                      PercentEncode(subject.source));
  }
  options.event_time = subject.source_spec.event_time;
  options.event_id = subject.source_spec.event_id;
  options.columns = subject.source_spec.columns;
  options.limit = args.limit;
  options.rate = args.rate;
  LiveLine line;
  options.progress = [&](int64_t done, int64_t total) {
    line.Show(
        fmt::format("replaying: {} of {}", controller::GroupDigits(done), controller::GroupDigits(total)));
  };
  MR_ASSIGN_OR_RETURN(const ReplayResult replayed, Replay(client, rows, options));
  line.Clear();
  Json online = Json::object();
  if (replayed.rows == static_cast<int64_t>(rows.num_rows())) {
    MR_ASSIGN_OR_RETURN(const training::Evaluation evaluation, Evaluate(subject, rows, replayed));
    online = evaluation.metrics;
  }
  if (args.output == "json") {
    Print(FormatJson(ReportJson(args, subject, replayed, online), 2) + "\n");
  } else {
    Print(fmt::format("{} events replayed against {}, version {} of {}\n",
                      controller::GroupDigits(replayed.rows), args.endpoint, subject.version, subject.model));
    PrintReport(subject, replayed, online);
  }
  if (replayed.different_vectors > 0 || replayed.different_scores > 0) {
    return Internal("{} vectors and {} scores differ from what training computed.",
                    replayed.different_vectors, replayed.different_scores);
  }
  return Ok();
}

}  // namespace

Command ReplayCommand() {
  auto args = std::make_shared<Args>();
  return {.name = "replay",
          .help =
              "Sends a version's test events one by one to its endpoint and compares every feature and score "
              "with "
              "the offline ones, bit by bit. Needs a state of before: millrace up --as-of MODEL@ALIAS.",
          .options = WithServer(
              {Required(Text("ENDPOINT", "The ModelEndpoint.", &args->endpoint)),
               Number("--version", "The version; the one that is served otherwise.", &args->version),
               Number("--limit", "Events to send; all otherwise.", &args->limit),
               Real("--rate", "Events a second; one after the other otherwise.", &args->rate),
               OneOf("-o,--output", "The form.", &args->output, {"json"})},
              args->server),
          .run = [args] { return Run(*args); },
          .footer =
              "millrace up examples/fraud --as-of fraud@champion    # in one terminal\n"
              "millrace replay fraud                                # in another"};
}

}  // namespace millrace::cli
