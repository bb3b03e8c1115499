#include "base/time_zone.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>
#include <vector>

#include "base/civil_time.h"
#include "base/file.h"
#include "base/text.h"

namespace millrace {
namespace {

constexpr int64_t kDaySeconds = 86'400;
constexpr size_t kMaxBytes = 1 << 20;
constexpr uint32_t kMaxTransitions = 100'000;
constexpr int64_t kMaxOffset = kDaySeconds - 1;  // no zone ever reached it

int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

int64_t YearOfDay(int64_t days) { return CivilDate::Of(days).year; }

bool IsLeap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

// When in a year the clocks change, as POSIX writes it (IEEE 1003.1, "TZ").
struct ChangeDay {
  enum class Form { kMonthWeekDay, kJulian, kZeroBased };
  Form form = Form::kMonthWeekDay;
  int month = 1;
  int week = 1;
  int day = 0;
  int64_t seconds = 2 * 3600;  // after local midnight

  // Seconds since 1970 on a clock that stays in the offset before the change.
  int64_t In(int64_t year) const {
    const int64_t first = DaysFromCivil(year, 1, 1);
    if (form == Form::kZeroBased) return (first + day) * kDaySeconds + seconds;
    if (form == Form::kJulian) {
      return (first + day - 1 + (IsLeap(year) && day >= 60 ? 1 : 0)) * kDaySeconds + seconds;
    }
    const int64_t month_begin = DaysFromCivil(year, month, 1);
    const int64_t month_end = month == 12 ? DaysFromCivil(year + 1, 1, 1) : DaysFromCivil(year, month + 1, 1);
    const int64_t weekday = (month_begin % 7 + 11) % 7;  // 1970-01-01 was a Thursday
    int64_t at = month_begin + (day - weekday + 7) % 7 + 7 * (week - 1);
    while (at >= month_end) at -= 7;
    return at * kDaySeconds + seconds;
  }
};

// The rule for all years after the listed changes.
struct Footer {
  int64_t standard = 0;  // seconds east of Greenwich
  std::optional<int64_t> summer;
  ChangeDay begin;
  ChangeDay end;

  int64_t OffsetAt(int64_t seconds) const {
    if (!summer) return standard;
    const int64_t year = YearOfDay(FloorDivide(seconds + standard, kDaySeconds));
    const int64_t from = begin.In(year) - standard;
    const int64_t to = end.In(year) - *summer;
    const bool in_summer = from < to ? seconds >= from && seconds < to : seconds >= from || seconds < to;
    return in_summer ? *summer : standard;
  }
};

// Reads a footer such as CET-1CEST,M3.5.0,M10.5.0/3; each step is false when it cannot.
class FooterParser {
 public:
  explicit FooterParser(std::string_view text) : rest_(text) {}

  std::optional<Footer> Parse() {
    Footer footer;
    int64_t offset = 0;
    if (!Name() || !Time(24, offset)) return std::nullopt;
    footer.standard = -offset;
    if (rest_.empty()) return footer;
    if (!Name()) return std::nullopt;
    footer.summer = footer.standard + 3600;
    if (!rest_.empty() && rest_.front() != ',') {
      if (!Time(24, offset)) return std::nullopt;
      footer.summer = -offset;
    }
    if (!Day(footer.begin) || !Day(footer.end) || !rest_.empty()) return std::nullopt;
    return footer;
  }

 private:
  bool Accept(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool Name() {
    const bool quoted = Accept('<');
    size_t length = 0;
    const auto in_name = [&](char c) {
      return quoted ? c != '>' : (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    while (length < rest_.size() && in_name(rest_[length])) ++length;
    rest_.remove_prefix(length);
    return length >= 3 && (!quoted || Accept('>'));
  }

  bool Number(int low, int high, int& number) {
    size_t digits = 0;
    number = 0;
    while (digits < rest_.size() && digits < 4 && rest_[digits] >= '0' && rest_[digits] <= '9') {
      number = number * 10 + (rest_[digits++] - '0');
    }
    rest_.remove_prefix(digits);
    return digits > 0 && number >= low && number <= high;
  }

  // [+-]hh[:mm[:ss]]
  bool Time(int max_hours, int64_t& seconds) {
    const bool negative = Accept('-');
    if (!negative) Accept('+');
    int hours = 0;
    int minutes = 0;
    int rest = 0;
    if (!Number(0, max_hours, hours)) return false;
    if (Accept(':') && !Number(0, 59, minutes)) return false;
    if (Accept(':') && !Number(0, 59, rest)) return false;
    seconds = hours * 3600 + minutes * 60 + rest;
    if (negative) seconds = -seconds;
    return true;
  }

  bool Day(ChangeDay& day) {
    if (!Accept(',')) return false;
    if (Accept('M')) {
      if (!Number(1, 12, day.month) || !Accept('.') || !Number(1, 5, day.week) || !Accept('.') ||
          !Number(0, 6, day.day)) {
        return false;
      }
    } else if (Accept('J')) {
      day.form = ChangeDay::Form::kJulian;
      if (!Number(1, 365, day.day)) return false;
    } else {
      day.form = ChangeDay::Form::kZeroBased;
      if (!Number(0, 365, day.day)) return false;
    }
    return !Accept('/') || Time(167, day.seconds);
  }

  std::string_view rest_;
};

// Big-endian numbers from the front of a text.
class Bytes {
 public:
  explicit Bytes(std::string_view text) : rest_(text) {}
  bool Has(uint64_t size) const { return rest_.size() >= size; }
  void Skip(uint64_t size) { rest_.remove_prefix(size); }
  std::string_view rest() const { return rest_; }
  uint64_t Take(size_t size) {
    uint64_t number = 0;
    for (size_t i = 0; i < size; ++i) number = number << 8 | static_cast<unsigned char>(rest_[i]);
    Skip(size);
    return number;
  }
  int64_t TakeTime(size_t size) {
    const uint64_t number = Take(size);
    return size == 4 ? static_cast<int32_t>(static_cast<uint32_t>(number)) : static_cast<int64_t>(number);
  }

 private:
  std::string_view rest_;
};

struct Header {
  char version = 0;
  uint32_t utc_flags = 0;
  uint32_t standard_flags = 0;
  uint32_t leaps = 0;
  uint32_t transitions = 0;
  uint32_t types = 0;
  uint32_t name_bytes = 0;

  uint64_t BlockBytes(uint64_t time_size) const {
    return transitions * (time_size + 1) + uint64_t{types} * 6 + name_bytes + leaps * (time_size + 4) +
           standard_flags + utc_flags;
  }
};

std::optional<Header> TakeHeader(Bytes& bytes) {
  constexpr std::string_view kMagic = "TZif";
  if (!bytes.Has(44) || bytes.rest().substr(0, 4) != kMagic) return std::nullopt;
  Header header;
  header.version = bytes.rest()[4];
  bytes.Skip(20);
  for (uint32_t* count : {&header.utc_flags, &header.standard_flags, &header.leaps, &header.transitions,
                          &header.types, &header.name_bytes}) {
    *count = static_cast<uint32_t>(bytes.Take(4));
  }
  if (header.transitions > kMaxTransitions || header.types == 0 || header.types > 256) return std::nullopt;
  return header;
}

}  // namespace

struct TimeZone::Rules {
  std::string name;
  std::vector<int64_t> changes;  // seconds since 1970, ascending
  std::vector<int64_t> offsets;  // offsets[i] before changes[i]; the last one after all of them
  std::optional<Footer> footer;

  int64_t OffsetAt(int64_t seconds) const {
    const auto next = std::upper_bound(changes.begin(), changes.end(), seconds);
    if (next == changes.end() && footer) return footer->OffsetAt(seconds);
    return offsets[static_cast<size_t>(next - changes.begin())];
  }
};

TimeZone::TimeZone() = default;

bool TimeZone::IsUtc() const { return rules_ == nullptr; }

const std::string& TimeZone::name() const {
  static const std::string kUtc = "UTC";
  return rules_ ? rules_->name : kUtc;
}

Micros TimeZone::UtcOffset(EventTime time) const {
  if (!rules_) return Micros(0);
  return std::chrono::seconds(rules_->OffsetAt(FloorDivide(time.micros, 1'000'000)));
}

EventTime TimeZone::FromLocal(int64_t local_micros) const {
  if (!rules_) return {local_micros};
  // No offset reaches a day, so these two are before and after any change that matters.
  const int64_t before = UtcOffset({SaturatingAdd(local_micros, -kDayMicros)}).count();
  const int64_t after = UtcOffset({SaturatingAdd(local_micros, kDayMicros)}).count();
  const EventTime as_before{SaturatingAdd(local_micros, -before)};
  if (UtcOffset(as_before).count() == before) return as_before;
  const EventTime as_after{SaturatingAdd(local_micros, -after)};
  if (UtcOffset(as_after).count() == after) return as_after;
  return as_before;  // a time that the change skipped
}

Result<TimeZone> TimeZone::Parse(std::string_view name, std::string_view tzif) {
  const auto damaged = [&] {
    return DataLoss("the time zone file of '{}' is no TZif file or is damaged", name);
  };
  Bytes bytes(tzif);
  std::optional<Header> header = TakeHeader(bytes);
  size_t time_size = 4;
  if (header && header->version >= '2') {  // the first block is for readers of version 1
    const uint64_t size = header->BlockBytes(4);
    if (!bytes.Has(size)) return damaged();
    bytes.Skip(size);
    header = TakeHeader(bytes);
    time_size = 8;
  }
  if (!header || !bytes.Has(header->BlockBytes(time_size))) return damaged();
  auto rules = std::make_shared<Rules>();
  rules->name = name;
  for (uint32_t i = 0; i < header->transitions; ++i) {
    rules->changes.push_back(bytes.TakeTime(time_size));
    if (i > 0 && rules->changes[i] <= rules->changes[i - 1]) return damaged();
  }
  std::vector<size_t> types{0};  // type 0 holds before the first change
  for (uint32_t i = 0; i < header->transitions; ++i) types.push_back(bytes.Take(1));
  std::vector<int64_t> offset_of;
  for (uint32_t i = 0; i < header->types; ++i) {
    offset_of.push_back(bytes.TakeTime(4));
    bytes.Skip(2);
    if (std::abs(offset_of.back()) > kMaxOffset) return damaged();
  }
  for (const size_t type : types) {
    if (type >= offset_of.size()) return damaged();
    rules->offsets.push_back(offset_of[type]);
  }
  bytes.Skip(header->name_bytes + uint64_t{header->leaps} * (time_size + 4) + header->standard_flags +
             header->utc_flags);
  if (time_size == 8) {
    const std::string_view rest = bytes.rest();
    const size_t end = rest.empty() ? std::string_view::npos : rest.find('\n', 1);
    if (end == std::string_view::npos || rest.front() != '\n') return damaged();
    if (end > 1) {
      rules->footer = FooterParser(rest.substr(1, end - 1)).Parse();
      if (!rules->footer) return damaged();
    }
  }
  return TimeZone(std::move(rules));
}

namespace {

std::string ZoneDirectory() {
  const char* directory = std::getenv("TZDIR");
  return directory != nullptr && *directory != '\0' ? directory : "/usr/share/zoneinfo";
}

// "+05:30" → 19800 seconds.
std::optional<int64_t> ParseFixedOffset(std::string_view text) {
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  for (const size_t at : {1, 2, 4, 5}) {
    if (text[at] < '0' || text[at] > '9') return std::nullopt;
  }
  const int64_t hours = (text[1] - '0') * 10 + (text[2] - '0');
  const int64_t minutes = (text[4] - '0') * 10 + (text[5] - '0');
  if (hours > 23 || minutes > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

Status UnknownZone(std::string_view name) {
  std::vector<std::string> names;
  const Result<std::string> table = ReadFile(ZoneDirectory() + "/tzdata.zi", kMaxBytes);
  if (table.ok()) {
    for (const std::string& line : Split(*table, '\n')) {
      const std::vector<std::string> words = Split(line, ' ');
      if (words.size() >= 2 && words[0] == "Z") names.push_back(words[1]);
      if (words.size() >= 3 && words[0] == "L") names.push_back(words[2]);
    }
  } else if (!FileExists(ZoneDirectory())) {
    return FailedPrecondition("time zone '{}': this machine has no {}; install the package tzdata", name,
                              ZoneDirectory());
  }
  const std::string nearest = Nearest(name, names);
  if (!nearest.empty())
    return InvalidArgument("there is no time zone '{}'; did you mean '{}'?", name, nearest);
  return InvalidArgument(
      "there is no time zone '{}'; right would be UTC, +02:00 or a name such as Europe/Zurich", name);
}

bool IsZoneName(std::string_view name) {
  if (name.empty() || name.size() > 100 || name.front() == '/' || name.find("..") != std::string_view::npos) {
    return false;
  }
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  });
}

}  // namespace

Result<TimeZone> TimeZone::Load(std::string_view name) {
  if (name == "UTC" || name == "Z" || name == "Etc/UTC") return TimeZone();
  if (const std::optional<int64_t> seconds = ParseFixedOffset(name)) {
    auto rules = std::make_shared<Rules>();
    rules->name = name;
    rules->offsets.push_back(*seconds);
    return TimeZone(std::move(rules));
  }
  if (!IsZoneName(name)) return UnknownZone(name);
  const Result<std::string> bytes = ReadFile(ZoneDirectory() + "/" + std::string(name), kMaxBytes);
  if (!bytes.ok()) return UnknownZone(name);
  return Parse(name, *bytes);
}

}  // namespace millrace
