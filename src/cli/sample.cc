#include <chrono>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "controller/ready.h"
#include "source/sample_fraud.h"

namespace millrace::cli {
namespace {

struct Args {
  std::string directory = "data";
  int64_t rows = 500'000;
  int64_t seed = 1;
  int64_t days = 52;
  std::string start = "2018-06-24";
};

Status SampleFraud(const Args& args) {
  source::FraudSampleOptions options;
  options.rows = args.rows;
  options.seed = static_cast<uint64_t>(args.seed);
  options.days = static_cast<int>(args.days);
  MR_ASSIGN_OR_RETURN(options.start, ParseTime(args.start));
  LiveLine line;
  options.progress = [&](int64_t rows) {
    line.Show(fmt::format("making transactions: {} of {}", controller::GroupDigits(rows),
                          controller::GroupDigits(args.rows)));
  };
  const auto began = std::chrono::steady_clock::now();
  MR_ASSIGN_OR_RETURN(const source::FraudSampleSummary made,
                      source::WriteFraudSample(args.directory, options));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  line.Clear();
  Print(fmt::format("{} transactions, {} of them frauds, in {} files below {} ({:.1f} s)\n",
                    controller::GroupDigits(made.rows), controller::GroupDigits(made.frauds),
                    made.files.size(), args.directory, took.count()));
  return Ok();
}

}  // namespace

Command SampleCommand() {
  auto args = std::make_shared<Args>();
  Command fraud{.name = "fraud",
                .help = "Card transactions with frauds: customers, terminals, three fraud scenarios.",
                .options = {Text("DIR", "Where the Parquet files go; data otherwise.", &args->directory),
                            Number("--rows", "Transactions to make; 500000 otherwise.", &args->rows),
                            Number("--seed", "The same seed makes the same data; 1 otherwise.", &args->seed),
                            Number("--days", "Days over which they are spread; 52 otherwise.", &args->days),
                            Text("--start", "The first day; 2018-06-24 otherwise.", &args->start)},
                .run = [args] { return SampleFraud(*args); },
                .footer = "millrace sample fraud examples/fraud/data"};
  return {.name = "sample", .help = "Makes sample data.", .subcommands = {std::move(fraud)}};
}

}  // namespace millrace::cli
