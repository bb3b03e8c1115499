#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "base/clock.h"
#include "base/json.h"

namespace millrace {
namespace {

std::atomic<LogFormat> g_format = LogFormat::kText;

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    default:
      return "error";
  }
}

spdlog::logger& Logger() {
  static spdlog::logger logger = [] {
    spdlog::logger made("millrace", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made.set_pattern("%v");
    made.flush_on(spdlog::level::debug);
    return made;
  }();
  return logger;
}

std::string AsJson(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  Json line = {{"time", FormatTime(SystemClock().Now())}, {"level", LevelName(level)}, {"message", message}};
  for (const LogField& field : fields) line[std::string(field.name)] = field.value;
  return FormatJson(line);
}

std::string AsText(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = FormatTime(EventTime{SystemClock().Now().micros / 1'000'000 * 1'000'000}).substr(11, 8);
  if (level != LogLevel::kInfo) line += fmt::format(" {}", LevelName(level));
  line += fmt::format(" {}", message);
  for (const LogField& field : fields) line += fmt::format("  {}={}", field.name, field.value);
  return line;
}

}  // namespace

void ConfigureLog(LogFormat format, LogLevel level) {
  g_format = format;
  Logger().set_level(ToSpdlog(level));
}

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  const auto to = ToSpdlog(level);
  if (!Logger().should_log(to)) return;
  Logger().log(to, spdlog::string_view_t(g_format == LogFormat::kJson ? AsJson(level, message, fields)
                                                                      : AsText(level, message, fields)));
}

}  // namespace millrace
