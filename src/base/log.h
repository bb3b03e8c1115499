// Logging: a message and named fields. JSON lines on a server, readable text on
// a terminal. Thread safe; writes to standard error.
//
//   LogInfo("version loaded", {{"endpoint", name}, {"version", version}});
//
// A log line never holds a token, a secret's value or a feature's value.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace millrace {

struct LogField {
  std::string_view name;
  std::string value;
};

enum class LogFormat { kText, kJson };
enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

// Once, at start-up; before it, text at level info.
void ConfigureLog(LogFormat format, LogLevel level);

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

inline void LogDebug(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kDebug, message, fields);
}
inline void LogInfo(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, message, fields);
}

}  // namespace millrace
