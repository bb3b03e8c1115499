#include "registry/run_filter.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <span>

#include "base/text.h"

namespace millrace::registry {
namespace {

using Comparison = RunFilter::Comparison;
using Of = RunFilter::Of;
using Op = RunFilter::Op;

constexpr size_t kMaxText = 4096;
constexpr size_t kMaxComparisons = 32;

// Locale plays no part, nor do bytes of UTF-8.
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return Lower(c); });
  return lower;
}

bool IsTime(const Comparison& c) {
  return c.of == Of::kAttribute && (c.key == "start_time" || c.key == "end_time");
}
bool IsNumber(const Comparison& c) { return c.of == Of::kMetric || IsTime(c); }

// Greedy matching with one point to come back to, so linear in text times pattern.
bool Like(std::string_view text, std::string_view pattern) {
  size_t t = 0;
  size_t p = 0;
  std::optional<size_t> star;
  size_t from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && (pattern[p] == '_' || pattern[p] == text[t])) {
      ++t;
      ++p;
    } else if (star) {
      p = *star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

bool Holds(Op op, double value, double than) {
  switch (op) {
    case Op::kEqual:
      return value == than;
    case Op::kUnequal:
      return value != than;
    case Op::kLess:
      return value < than;
    case Op::kLessOrEqual:
      return value <= than;
    case Op::kGreater:
      return value > than;
    case Op::kGreaterOrEqual:
      return value >= than;
    default:
      return false;
  }
}

bool Holds(Op op, std::string_view value, std::string_view than) {
  switch (op) {
    case Op::kEqual:
      return value == than;
    case Op::kUnequal:
      return value != than;
    case Op::kLike:
      return Like(value, than);
    case Op::kILike:
      return Like(Lower(value), Lower(than));
    default:
      return false;
  }
}

// The run's number or text of that name.
std::optional<double> NumberOf(const Run& run, const Comparison& c) {
  constexpr int64_t kMicrosPerMilli = 1000;
  if (c.of == Of::kMetric) {
    const auto metric = run.metrics.find(c.key);
    return metric == run.metrics.end() ? std::nullopt : std::optional(metric->second.value);
  }
  if (c.key == "start_time") return static_cast<double>(run.start.micros / kMicrosPerMilli);
  return run.end ? std::optional(static_cast<double>(run.end->micros / kMicrosPerMilli)) : std::nullopt;
}

std::optional<std::string> TextOf(const Run& run, const Comparison& c) {
  if (c.of == Of::kAttribute) {
    if (c.key == "status") return std::string(RunStatusName(run.status));
    if (c.key == "run_name") return run.name;
    if (c.key == "run_id") return run.id;
    return run.user;
  }
  const Tags& texts = c.of == Of::kParam ? run.params : run.tags;
  const auto text = texts.find(c.key);
  return text == texts.end() ? std::nullopt : std::optional(text->second);
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<Comparison>> Parse() {
    std::vector<Comparison> comparisons;
    Skip();
    if (at_ == text_.size()) return comparisons;
    while (true) {
      if (comparisons.size() == kMaxComparisons)
        return Wrong(fmt::format("there are more than {} comparisons", kMaxComparisons));
      MR_ASSIGN_OR_RETURN(Comparison comparison, One());
      comparisons.push_back(std::move(comparison));
      Skip();
      if (at_ == text_.size()) return comparisons;
      if (Lower(Word()) != "and") return Wrong("comparisons are joined by AND");
    }
  }

 private:
  Result<Comparison> One() {
    Comparison c;
    MR_RETURN_IF_ERROR(Key(c));
    MR_RETURN_IF_ERROR(Operator(c));
    MR_RETURN_IF_ERROR(Operand(c));
    return c;
  }

  // metrics.KEY and so on.
  Status Key(Comparison& c) {
    struct Kind {
      std::string_view name;
      Of of;
    };
    static constexpr std::array<Kind, 10> kKinds{{{"metrics", Of::kMetric},
                                                  {"metric", Of::kMetric},
                                                  {"params", Of::kParam},
                                                  {"param", Of::kParam},
                                                  {"parameters", Of::kParam},
                                                  {"tags", Of::kTag},
                                                  {"tag", Of::kTag},
                                                  {"attributes", Of::kAttribute},
                                                  {"attribute", Of::kAttribute},
                                                  {"run", Of::kAttribute}}};
    Skip();
    const size_t begin = at_;
    const std::string name = Lower(Word());
    const auto kind =
        std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& k) { return k.name == name; });
    if (kind == kKinds.end() || !Take(".")) {
      at_ = begin;
      return Wrong("a comparison begins with metrics., params., tags. or attributes.");
    }
    c.of = kind->of;
    if (at_ < text_.size() && (text_[at_] == '`' || text_[at_] == '"')) {
      MR_ASSIGN_OR_RETURN(c.key, Quoted());
    } else {
      c.key = std::string(KeyWord());
    }
    if (c.key.empty()) return Wrong(fmt::format("the name after {}. is missing", name));
    return c.of == Of::kAttribute ? CheckAttribute(c) : Ok();
  }

  Status CheckAttribute(Comparison& c) const {
    static const std::vector<std::string> kFields = {"status",  "run_name",   "run_id",
                                                     "user_id", "start_time", "end_time"};
    if (std::find(kFields.begin(), kFields.end(), c.key) != kFields.end()) return Ok();
    const std::string near = Nearest(c.key, kFields);
    return Wrong(fmt::format("a run has no attribute '{}'{}; there are {}", c.key,
                             near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near),
                             Join(kFields, ", ")));
  }

  Status Operator(Comparison& c) {
    Skip();
    struct Sign {
      std::string_view text;
      Op op;
    };
    // Those of two characters before those that they begin with.
    static constexpr std::array<Sign, 6> kSigns{{{"!=", Op::kUnequal},
                                                 {">=", Op::kGreaterOrEqual},
                                                 {"<=", Op::kLessOrEqual},
                                                 {"=", Op::kEqual},
                                                 {">", Op::kGreater},
                                                 {"<", Op::kLess}}};
    const size_t begin = at_;
    const auto sign = std::find_if(kSigns.begin(), kSigns.end(), [&](const Sign& s) { return Take(s.text); });
    bool known = sign != kSigns.end();
    if (known) {
      c.op = sign->op;
    } else {
      const std::string word = Lower(Word());
      known = word == "like" || word == "ilike";
      c.op = word == "like" ? Op::kLike : Op::kILike;
    }
    const bool ordered = c.op != Op::kEqual && c.op != Op::kUnequal;
    const bool of_texts = c.op == Op::kLike || c.op == Op::kILike;
    if (known && (!ordered || of_texts != IsNumber(c))) return Ok();
    at_ = begin;
    return Wrong(IsNumber(c) ? "a number is compared by =, !=, >, >=, < or <="
                             : "a text is compared by =, !=, LIKE or ILIKE");
  }

  Status Operand(Comparison& c) {
    Skip();
    if (!IsNumber(c)) {
      if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"'))
        return Wrong("a text stands in quotes: 'FINISHED'");
      MR_ASSIGN_OR_RETURN(c.text, Quoted());
      return Ok();
    }
    const char* begin = text_.data() + at_;
    const char* end = text_.data() + text_.size();
    const auto [next, error] = std::from_chars(begin, end, c.number);
    if (error != std::errc()) return Wrong("a number belongs here, such as 0.87");
    at_ += static_cast<size_t>(next - begin);
    return Ok();
  }

  // From one quote to the next of its kind.
  Result<std::string> Quoted() {
    const size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) return Wrong("this quote is not closed");
    std::string inner(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return inner;
  }

  bool Take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  std::string_view While(bool (*of)(char)) {
    const size_t begin = at_;
    while (at_ < text_.size() && of(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  static bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  static bool IsKey(char c) {
    return IsLetter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '/';
  }
  std::string_view Word() { return While(IsLetter); }
  std::string_view KeyWord() { return While(IsKey); }
  void Skip() {
    While([](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; });
  }

  Status Wrong(const std::string& why) const {
    return InvalidArgument("the filter is wrong at character {}: {}", at_ + 1, why);
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<RunFilter> RunFilter::Parse(std::string_view text) {
  if (text.size() > kMaxText) return InvalidArgument("the filter has more than {} bytes", kMaxText);
  RunFilter filter;
  MR_ASSIGN_OR_RETURN(filter.comparisons_, Parser(text).Parse());
  return filter;
}

bool RunFilter::Matches(const Run& run) const {
  return std::all_of(comparisons_.begin(), comparisons_.end(), [&](const Comparison& c) {
    if (IsNumber(c)) {
      const std::optional<double> number = NumberOf(run, c);
      return number && Holds(c.op, *number, c.number);
    }
    const std::optional<std::string> text = TextOf(run, c);
    return text && Holds(c.op, *text, c.text);
  });
}

}  // namespace millrace::registry
