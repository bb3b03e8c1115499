#include <charconv>
#include <chrono>

#include "autoscale/plot.h"
#include "autoscale/simulation.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "controller/ready.h"

namespace millrace::cli {
namespace {

using controller::GroupDigits;

struct Args {
  std::string trace, day;
  double peak = 400;
  std::vector<std::string> policies;
  int64_t min = 0, max = 100;
  double target = 70;
  int64_t concurrency = 4;
  double service_ms = 50;
  std::string service = "exponential";
  std::string startup = "5s", timeout = "30s";
  int64_t queue_limit = 10'000;
  bool poll = false;
  double price = 0.10;
  int64_t seed = 1;
  std::string plot;
  bool explain = false;
};

Result<autoscale::Trace> TraceOf(const Args& args) {
  if (args.trace.empty() == args.day.empty()) {
    return InvalidArgument("give --trace FILE, or --day with one of {}", Join(autoscale::DayNames(), ", "));
  }
  if (!args.trace.empty()) return autoscale::ReadTrace(args.trace);
  return autoscale::MakeDay(args.day, args.peak, static_cast<uint64_t>(args.seed));
}

Result<int32_t> Count(int64_t value, std::string_view option) {
  constexpr int64_t kMost = 100'000;
  if (value >= 0 && value <= kMost) return static_cast<int32_t>(value);
  return InvalidArgument("{} is {}; 0 to {} can be", option, value, GroupDigits(kMost));
}

Result<autoscale::SimulationOptions> OptionsOf(const Args& args) {
  autoscale::SimulationOptions options;
  MR_ASSIGN_OR_RETURN(options.replica.concurrency, Count(args.concurrency, "--concurrency"));
  options.replica.service_ms = args.service_ms;
  options.replica.shape = args.service == "fixed"         ? autoscale::ServiceShape::kFixed
                          : args.service == "exponential" ? autoscale::ServiceShape::kExponential
                                                          : autoscale::ServiceShape::kLogNormal;
  MR_ASSIGN_OR_RETURN(options.replica.startup, ParseDuration(args.startup));
  MR_ASSIGN_OR_RETURN(options.replica.timeout, ParseDuration(args.timeout));
  options.replica.queue_limit = args.queue_limit;
  options.price_per_replica_hour = args.price;
  options.seed = static_cast<uint64_t>(args.seed);
  MR_RETURN_IF_ERROR(autoscale::ValidateSimulation(options));
  return options;
}

Result<std::unique_ptr<autoscale::Autoscaler>> FixedOf(const std::string& policy) {
  const std::string_view number = std::string_view(policy).substr(std::string_view("fixed:").size());
  int64_t replicas = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), replicas);
  if (error != std::errc() || end != number.data() + number.size()) {
    return InvalidArgument("the policy '{}' needs a number of replicas: fixed:4", policy);
  }
  MR_ASSIGN_OR_RETURN(const int32_t count, Count(replicas, policy));
  return autoscale::MakeFixedAutoscaler(count);
}

// HPA on CPU, KPA on concurrency, KEDA on requests in flight and waiting: all aim at the same use.
Result<std::unique_ptr<autoscale::Autoscaler>> PolicyOf(const std::string& policy, const Args& args) {
  MR_ASSIGN_OR_RETURN(const int32_t least, Count(args.min, "--min"));
  MR_ASSIGN_OR_RETURN(const int32_t most, Count(args.max, "--max"));
  const auto concurrency = static_cast<int32_t>(args.concurrency);
  if (policy.starts_with("fixed:")) return FixedOf(policy);
  if (policy == "hpa") {
    autoscale::HpaSpec spec;
    spec.min_replicas = std::max(1, least);
    spec.max_replicas = most;
    spec.metrics[0].target = static_cast<int64_t>(args.target);
    MR_RETURN_IF_ERROR(autoscale::ValidateHpa(spec));
    return autoscale::MakeHpaAutoscaler(spec, {}, concurrency);
  }
  if (policy == "kpa") {
    autoscale::KpaSpec spec;
    spec.total_value = concurrency;
    spec.target_utilization = args.target / 100;
    spec.min_scale = least;
    spec.max_scale = most;
    MR_RETURN_IF_ERROR(autoscale::ValidateKpa(spec));
    return autoscale::MakeKpaAutoscaler(spec);
  }
  if (policy == "queue") {
    autoscale::QueueSpec spec;
    spec.triggers.push_back({"outstanding requests", autoscale::TargetType::kAverageValue,
                             static_cast<autoscale::Milli>(args.target * 10 * concurrency)});
    spec.min_replicas = least;
    spec.max_replicas = most;
    MR_RETURN_IF_ERROR(autoscale::ValidateQueue(spec));
    return autoscale::MakeQueueAutoscaler(spec, !args.poll);
  }
  const std::string nearest = Nearest(policy, std::vector<std::string>{"hpa", "kpa", "queue", "fixed:1"});
  return InvalidArgument("there is no policy '{}'; there are hpa, kpa, queue and fixed:N{}", policy,
                         nearest.empty() ? "" : fmt::format(" (perhaps '{}' is meant)", nearest));
}

std::string MsText(double ms) {
  return ms < 100      ? fmt::format("{:.1f} ms", ms)
         : ms < 10'000 ? fmt::format("{:.0f} ms", ms)
                       : fmt::format("{:.1f} s", ms / 1000);
}

std::string TableOf(const std::vector<autoscale::SimulationResult>& results) {
  std::vector<std::vector<std::string>> rows;
  for (const autoscale::SimulationResult& r : results) {
    rows.push_back({r.policy, MsText(r.p50_ms), MsText(r.p95_ms), MsText(r.p99_ms), MsText(r.max_ms),
                    GroupDigits(r.timeouts), GroupDigits(r.rejected), fmt::format("{:.1f}", r.mean_replicas),
                    GroupDigits(r.max_replicas), GroupDigits(r.change_count),
                    fmt::format("{:.1f}", r.replica_seconds / 3600), fmt::format("{:.2f}", r.cost),
                    fmt::format("{:.0f}%", r.busy * 100)});
  }
  const std::vector<std::string> header = {"POLICY",        "P50",      "P95",      "P99",  "MAX",
                                           "TIMEOUTS",      "REJECTED", "REPLICAS", "MOST", "CHANGES",
                                           "REPLICA-HOURS", "COST",     "BUSY"};
  return AlignedTable(header, rows, std::vector<std::string>(header.begin() + 1, header.end()));
}

void PrintChanges(const autoscale::SimulationResult& result) {
  for (const autoscale::ScaleChange& change : result.changes) {
    Print(
        fmt::format("{} at {}: {} → {}\n", result.policy, FormatDuration(change.at), change.from, change.to));
    for (const std::string& line : change.why) Print(fmt::format("    {}\n", line));
  }
  const auto shown = static_cast<int64_t>(result.changes.size());
  if (result.change_count > shown) {
    Print(fmt::format("{}: and {} more changes\n", result.policy, GroupDigits(result.change_count - shown)));
  }
}

Status RunSimulate(const Args& args) {
  MR_ASSIGN_OR_RETURN(const autoscale::Trace trace, TraceOf(args));
  MR_ASSIGN_OR_RETURN(const autoscale::SimulationOptions options, OptionsOf(args));
  if (!(args.target >= 1 && args.target <= 100))
    return InvalidArgument("--target is {}%; 1 to 100 can be", args.target);
  std::vector<std::string> names = args.policies;
  if (names.empty()) names = {"hpa", "kpa", "queue"};
  std::vector<std::unique_ptr<autoscale::Autoscaler>> policies;
  for (const std::string& name : names) {
    MR_ASSIGN_OR_RETURN(policies.emplace_back(), PolicyOf(name, args));
  }
  LiveLine line;
  std::vector<autoscale::SimulationResult> results;
  const auto began = std::chrono::steady_clock::now();
  for (const auto& policy : policies) {
    line.Show(fmt::format("simulating {}", policy->name()));
    MR_ASSIGN_OR_RETURN(autoscale::SimulationResult result, autoscale::Simulate(trace, *policy, options));
    results.push_back(std::move(result));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  line.Clear();
  if (args.explain) {
    for (const autoscale::SimulationResult& result : results) PrintChanges(result);
    Print("\n");
  }
  Print(fmt::format("{}: {} requests in {}, at most {:.0f}/s (simulated in {:.1f} s)\n\n", trace.name,
                    GroupDigits(results[0].requests), FormatDuration(trace.duration), trace.PeakRate(),
                    took.count()));
  Print(TableOf(results));
  Print("\n" + autoscale::TextPlot(trace, results, TerminalWidth(1)));
  if (args.plot.empty()) return Ok();
  MR_RETURN_IF_ERROR(WriteFileAtomically(args.plot, autoscale::SvgPlot(trace, results)));
  Print(fmt::format("\nThe plot is in {}.\n", args.plot));
  return Ok();
}

}  // namespace

Command SimulateCommand() {
  auto args = std::make_shared<Args>();
  return {
      .name = "simulate",
      .help = "Replays traffic through autoscaling policies: latency, replicas, cost.",
      .options = {Text("--trace",
                       "A trace: CSV or JSON lines of time and rate, or arrivals (docs/autoscaling.md).",
                       &args->trace),
                  OneOf("--day", "Instead, a made day.", &args->day, autoscale::DayNames()),
                  Real("--peak", "Requests/s at the most, of a made day.", &args->peak),
                  Texts("--policy", "hpa, kpa, queue or fixed:N; several to compare (the first three).",
                        &args->policies),
                  Number("--min", "Replicas at least; hpa has always 1.", &args->min),
                  Number("--max", "Replicas at most.", &args->max),
                  Real("--target", "The use of a replica that is aimed at, in percent.", &args->target),
                  Number("--concurrency", "Requests that a replica serves at once.", &args->concurrency),
                  Real("--service-ms", "Mean time that a request takes to serve.", &args->service_ms),
                  OneOf("--service", "How these times are spread.", &args->service,
                        {"exponential", "fixed", "lognormal"}),
                  Text("--startup", "Time until a new replica is ready.", &args->startup),
                  Text("--timeout", "A request waits no longer than this.", &args->timeout),
                  Number("--queue-limit", "Requests that wait at most.", &args->queue_limit),
                  Flag("--poll", "The queue policy learns of the first request by polling (every 30 s).",
                       &args->poll),
                  Real("--price", "Of a replica for an hour.", &args->price),
                  Number("--seed", "The same seed makes the same result.", &args->seed),
                  Text("--plot", "An SVG file to write the plot to.", &args->plot),
                  Flag("--explain", "Every change of scale, and why.", &args->explain)},
      .run = [args] { return RunSimulate(*args); },
      .footer = "millrace simulate --day sale --policy hpa --policy kpa --policy fixed:12 --plot sale.svg"};
}

}  // namespace millrace::cli
