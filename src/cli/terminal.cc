#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace millrace::cli {
namespace {

constexpr long long kPlainInterval = 5000;  // ms between lines where nothing can be written over

long long NowMillis() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool Colours() {
  static const bool colours = IsTerminal(STDOUT_FILENO) && std::getenv("NO_COLOR") == nullptr;
  return colours;
}

std::string_view Code(Colour colour) {
  switch (colour) {
    case Colour::kBold:
      return "\x1b[1m";
    case Colour::kDim:
      return "\x1b[2m";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kNone:
      break;
  }
  return "";
}

}  // namespace

bool IsTerminal(int fd) { return isatty(fd) == 1; }

int TerminalWidth(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

void PrintError(std::string_view sentence) {
  const bool red = IsTerminal(STDERR_FILENO) && std::getenv("NO_COLOR") == nullptr;
  const std::string prefix = red ? "\x1b[31mmillrace:\x1b[0m " : "millrace: ";
  std::string text = prefix + std::string(sentence) + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
}

bool Print(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

std::string Coloured(Colour colour, std::string_view text) {
  if (!Colours() || colour == Colour::kNone) return std::string(text);
  return std::string(Code(colour)) + std::string(text) + "\x1b[0m";
}

size_t DisplayWidth(std::string_view text) {
  // Escape sequences of colours take no place, continuation bytes neither.
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      while (i < text.size() && text[i] != 'm') ++i;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) {
      ++width;
    }
  }
  return width;
}

std::string AlignedTable(const std::vector<std::string>& header,
                         const std::vector<std::vector<std::string>>& rows,
                         const std::vector<std::string>& right) {
  std::vector<size_t> widths;
  for (const std::string& name : header) widths.push_back(DisplayWidth(name));
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::string out;
  const auto add = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      const size_t width = i < widths.size() ? widths[i] : 0;
      const size_t own = DisplayWidth(cells[i]);
      const std::string padding(width > own ? width - own : 0, ' ');
      const bool to_the_right =
          i < header.size() && std::find(right.begin(), right.end(), header[i]) != right.end();
      if (to_the_right) line += padding;
      line += cells[i];
      if (i + 1 == cells.size()) break;
      if (!to_the_right) line += padding;
      line += "  ";
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  };
  if (std::any_of(header.begin(), header.end(), [](const std::string& name) { return !name.empty(); }))
    add(header);
  for (const std::vector<std::string>& row : rows) add(row);
  return out;
}

LiveLine::LiveLine() : terminal_(IsTerminal(STDERR_FILENO)) {}

void LiveLine::Show(const std::string& text) {
  if (text == last_) return;
  const long long now = NowMillis();
  if (!terminal_) {
    // The same thing further on, said again only now and then.
    const bool same_subject = text.substr(0, text.find(':')) == last_.substr(0, last_.find(':'));
    if (same_subject && now - last_at_ < kPlainInterval) return;
    std::fprintf(stderr, "%s\n", text.c_str());
  } else {
    const auto width = static_cast<size_t>(TerminalWidth(STDERR_FILENO) - 1);
    std::fprintf(stderr, "\r\x1b[K%s", text.substr(0, width).c_str());
    shown_ = true;
  }
  std::fflush(stderr);
  last_ = text;
  last_at_ = now;
}

void LiveLine::Clear() {
  if (!terminal_ || !shown_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

void LiveLine::Say(const std::string& text) {
  Clear();
  std::fprintf(stderr, "%s\n", text.c_str());
  std::fflush(stderr);
  last_.clear();
}

}  // namespace millrace::cli
