#include "source/sample_fraud.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "base/file.h"
#include "source/internal/random.h"
#include "table/parquet.h"

namespace millrace::source {
namespace {

using internal::Random;

constexpr int64_t kDaySeconds = 86'400;
// The published data: 1,754,155 transactions of 5,000 customers in 183 days.
constexpr int64_t kPublishedCustomers = 5'000;
constexpr int64_t kPublishedTerminals = 10'000;
constexpr int64_t kRowsAThousandCustomerDays = 1'917;
constexpr int64_t kPlane = 100'000;  // thousandths: the plane is 100 by 100
constexpr int64_t kRadius = 5'000;   // of the published data; here as many terminals are in reach
constexpr int64_t kHighAmount = 22'000;
constexpr int64_t kTerminalsADay = 2;
constexpr int64_t kCardsADay = 3;
constexpr int64_t kTerminalDays = 28;
constexpr int64_t kCardDays = 14;
constexpr int64_t kMaxRows = 20'000'000;

// Streams of random numbers, so that one part's draws do not move another's.
enum Stream : uint64_t { kTerminals, kSelection, kCompromised, kCustomers };

struct Place {
  int64_t x = 0;
  int64_t y = 0;
};

struct Transaction {
  int64_t second = 0;  // since the start
  int32_t customer = 0;
  int32_t terminal = 0;
  int32_t cents = 0;
  int8_t scenario = 0;
};

struct Customer {
  Place place;
  int64_t mean_cents = 0;
  int64_t daily_thousandths = 0;   // transactions a day
  std::vector<int32_t> terminals;  // within reach
};

std::vector<Place> MakeTerminals(uint64_t seed, int64_t count) {
  Random random(seed, kTerminals);
  std::vector<Place> places(static_cast<size_t>(count));
  for (Place& place : places) place = {random.Below(kPlane), random.Below(kPlane)};
  return places;
}

Customer MakeCustomer(Random& random, const std::vector<Place>& terminals) {
  Customer customer;
  customer.place = {random.Below(kPlane), random.Below(kPlane)};
  customer.mean_cents = random.Between(500, 10'000);
  customer.daily_thousandths = random.Below(4'000);
  // As many terminals in reach as there would be at the published density.
  const int64_t reach = kRadius * kRadius * kPublishedTerminals / static_cast<int64_t>(terminals.size());
  for (size_t t = 0; t < terminals.size(); ++t) {
    const int64_t dx = terminals[t].x - customer.place.x;
    const int64_t dy = terminals[t].y - customer.place.y;
    if (dx * dx + dy * dy < reach) customer.terminals.push_back(static_cast<int32_t>(t));
  }
  return customer;
}

void MakeDay(Random& random, const Customer& customer, int32_t id, int64_t day,
             std::vector<Transaction>& made) {
  const int64_t count = random.Count(customer.daily_thousandths);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t second = random.Normal(kDaySeconds / 2, 20'000);
    if (second <= 0 || second >= kDaySeconds) continue;  // as published: such draws are dropped
    int64_t cents = random.Normal(customer.mean_cents, customer.mean_cents / 2);
    if (cents < 0) cents = random.Below(2 * customer.mean_cents);
    const int64_t terminal = random.Below(static_cast<int64_t>(customer.terminals.size()));
    made.push_back({day * kDaySeconds + second, id, customer.terminals[static_cast<size_t>(terminal)],
                    static_cast<int32_t>(cents), 0});
  }
}

std::vector<Transaction> MakeTransactions(const FraudSampleOptions& options, int64_t customers,
                                          const std::vector<Place>& terminals) {
  std::vector<Transaction> made;
  for (int64_t id = 0; id < customers; ++id) {
    Random random(options.seed, kCustomers + static_cast<uint64_t>(id));
    const Customer customer = MakeCustomer(random, terminals);
    if (customer.terminals.empty()) continue;
    for (int64_t day = 0; day < options.days; ++day) {
      MakeDay(random, customer, static_cast<int32_t>(id), day, made);
    }
    if (options.progress && id % 100 == 0) {
      options.progress(std::min(options.rows, static_cast<int64_t>(made.size())));
    }
  }
  return made;
}

// Exactly `count` of them, each equally likely (Knuth, TAOCP 2, 3.4.2, algorithm S).
std::vector<Transaction> Select(std::vector<Transaction> all, int64_t count, uint64_t seed) {
  Random random(seed, kSelection);
  std::vector<Transaction> chosen;
  chosen.reserve(static_cast<size_t>(count));
  auto left = static_cast<int64_t>(all.size());
  for (const Transaction& transaction : all) {
    if (random.Below(left--) < count - static_cast<int64_t>(chosen.size())) chosen.push_back(transaction);
  }
  return chosen;
}

// Scenario 1: whatever is above 220.
void MarkHighAmounts(std::vector<Transaction>& transactions) {
  for (Transaction& transaction : transactions) {
    if (transaction.cents > kHighAmount) transaction.scenario = 1;
  }
}

// Draws `daily` of `population` a day, scaled from `published`: calls mark(day, drawn).
template <typename Mark>
void DrawDaily(Random& random, int64_t days, int64_t daily, int64_t population, int64_t published,
               Mark mark) {
  int64_t owed = 0;  // in units of 1 / published
  for (int64_t day = 0; day < days; ++day) {
    for (owed += daily * population; owed >= published; owed -= published)
      mark(day, random.Below(population));
  }
}

// Transactions by customer or terminal, in order of time.
std::vector<std::vector<size_t>> GroupBy(const std::vector<Transaction>& transactions, int64_t groups,
                                         int32_t Transaction::* key) {
  std::vector<std::vector<size_t>> rows(static_cast<size_t>(groups));
  for (size_t i = 0; i < transactions.size(); ++i)
    rows[static_cast<size_t>(transactions[i].*key)].push_back(i);
  return rows;
}

bool WithinDays(const Transaction& transaction, int64_t first_day, int64_t days) {
  return transaction.second >= first_day * kDaySeconds &&
         transaction.second < (first_day + days) * kDaySeconds;
}

// Scenarios 2 and 3: a terminal is compromised for 28 days; of a stolen card's
// payments of 14 days a third are five times as high.
void MarkCompromised(std::vector<Transaction>& transactions, const FraudSampleOptions& options,
                     int64_t customers, int64_t terminals) {
  Random random(options.seed, kCompromised);
  const auto at_terminal = GroupBy(transactions, terminals, &Transaction::terminal);
  DrawDaily(random, options.days, kTerminalsADay, terminals, kPublishedTerminals,
            [&](int64_t day, int64_t terminal) {
              for (const size_t i : at_terminal[static_cast<size_t>(terminal)]) {
                if (WithinDays(transactions[i], day, kTerminalDays)) transactions[i].scenario = 2;
              }
            });
  const auto of_customer = GroupBy(transactions, customers, &Transaction::customer);
  DrawDaily(random, options.days, kCardsADay, customers, kPublishedCustomers,
            [&](int64_t day, int64_t customer) {
              for (const size_t i : of_customer[static_cast<size_t>(customer)]) {
                if (!WithinDays(transactions[i], day, kCardDays) || random.Below(3) != 0) continue;
                transactions[i].cents *= 5;
                transactions[i].scenario = 3;
              }
            });
}

Table ToTable(const std::vector<Transaction>& transactions, EventTime start) {
  const size_t rows = transactions.size();
  std::vector<int64_t> ids(rows);
  std::iota(ids.begin(), ids.end(), 0);
  std::vector<int64_t> times(rows);
  std::vector<int64_t> customers(rows);
  std::vector<int64_t> terminals(rows);
  std::vector<double> amounts(rows);
  std::vector<int64_t> frauds(rows);
  std::vector<int64_t> scenarios(rows);
  for (size_t i = 0; i < rows; ++i) {
    const Transaction& transaction = transactions[i];
    times[i] = start.micros + transaction.second * 1'000'000;
    customers[i] = transaction.customer;
    terminals[i] = transaction.terminal;
    amounts[i] = transaction.cents / 100.0;
    frauds[i] = transaction.scenario != 0 ? 1 : 0;
    scenarios[i] = transaction.scenario;
  }
  return Table::Create(Schema({{"transaction_id", DataType::kInt64},
                               {"tx_datetime", DataType::kTimestamp},
                               {"customer_id", DataType::kInt64},
                               {"terminal_id", DataType::kInt64},
                               {"tx_amount", DataType::kDouble},
                               {"tx_fraud", DataType::kInt64},
                               {"tx_fraud_scenario", DataType::kInt64}}),
                       {Column::Ints(std::move(ids)), Column::Timestamps(std::move(times)),
                        Column::Ints(std::move(customers)), Column::Ints(std::move(terminals)),
                        Column::Doubles(std::move(amounts)), Column::Ints(std::move(frauds)),
                        Column::Ints(std::move(scenarios))})
      .value();
}

Status CheckOptions(const FraudSampleOptions& options) {
  if (options.rows < 1'000 || options.rows > kMaxRows) {
    return InvalidArgument("a sample has 1,000 to {} rows, not {}", kMaxRows, options.rows);
  }
  if (options.days < 1 || options.days > 3'660) {
    return InvalidArgument("a sample covers 1 to 3,660 days, not {}", options.days);
  }
  if (options.start.micros % (kDaySeconds * 1'000'000) != 0) {
    return InvalidArgument("a sample starts at midnight UTC, not at {}", FormatTime(options.start));
  }
  return Ok();
}

// First row of each month, and the number of rows as the end.
std::vector<size_t> MonthBegins(std::span<const int64_t> times) {
  std::vector<size_t> begins;
  std::string month;
  for (size_t i = 0; i < times.size(); ++i) {
    // Most rows have the day of the row before them.
    const bool same_day =
        i > 0 && times[i] / (kDaySeconds * 1'000'000) == times[i - 1] / (kDaySeconds * 1'000'000);
    if (same_day) continue;
    const std::string its = FormatTime({times[i]}).substr(0, 7);
    if (its != month) begins.push_back(i);
    month = its;
  }
  begins.push_back(times.size());
  return begins;
}

}  // namespace

Result<Table> MakeFraudSample(const FraudSampleOptions& options) {
  MR_RETURN_IF_ERROR(CheckOptions(options));
  // A little more than is wanted, since some customers have no terminal in reach.
  int64_t customers =
      std::max<int64_t>(20, options.rows * 1'050 / (options.days * kRowsAThousandCustomerDays));
  std::vector<Transaction> transactions;
  int64_t terminals = 0;
  for (;; customers += 1 + customers / 20) {
    terminals = 2 * customers;
    transactions = MakeTransactions(options, customers, MakeTerminals(options.seed, terminals));
    if (static_cast<int64_t>(transactions.size()) >= options.rows) break;
  }
  transactions = Select(std::move(transactions), options.rows, options.seed);
  std::stable_sort(transactions.begin(), transactions.end(),
                   [](const Transaction& a, const Transaction& b) { return a.second < b.second; });
  MarkHighAmounts(transactions);
  MarkCompromised(transactions, options, customers, terminals);
  return ToTable(transactions, options.start);
}

Result<FraudSampleSummary> WriteFraudSample(const std::string& directory, const FraudSampleOptions& options) {
  MR_RETURN_IF_ERROR(CheckOptions(options));
  MR_RETURN_IF_ERROR(MakeDirectories(directory));
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(directory));
  for (const std::string& name : names) {
    if (name.starts_with("transactions-") && name.ends_with(".parquet")) {
      return AlreadyExists("{} has {} already; remove it, or choose another folder", directory, name);
    }
  }
  MR_ASSIGN_OR_RETURN(const Table table, MakeFraudSample(options));
  const std::span<const int64_t> times = table.column(1).ints();
  const std::vector<size_t> begins = MonthBegins(times);
  FraudSampleSummary summary;
  for (size_t i = 0; i + 1 < begins.size(); ++i) {
    const std::string path =
        fmt::format("{}/transactions-{}.parquet", directory, FormatTime({times[begins[i]]}).substr(0, 7));
    MR_RETURN_IF_ERROR(WriteParquet(path, table,
                                    {.first_row = static_cast<int64_t>(begins[i]),
                                     .num_rows = static_cast<int64_t>(begins[i + 1] - begins[i])}));
    summary.files.push_back(path);
  }
  summary.rows = static_cast<int64_t>(table.num_rows());
  const std::span<const int64_t> frauds = table.column(5).ints();
  summary.frauds = std::accumulate(frauds.begin(), frauds.end(), int64_t{0});
  return summary;
}

}  // namespace millrace::source
