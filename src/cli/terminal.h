// What the CLI writes: errors as sentences on standard error, tables on standard
// output, colours and live lines only where a person looks.
//
// For one thread; a live line and other output must not be mixed by two.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::cli {

bool IsTerminal(int fd);
// Columns of the terminal at `fd`; 80 where it does not say.
int TerminalWidth(int fd);

// "millrace: SENTENCE" on standard error, red on a terminal.
void PrintError(std::string_view sentence);
// To standard output; false when nobody reads it any more.
bool Print(std::string_view text);

enum class Colour { kNone, kBold, kDim, kGreen, kYellow, kRed };
// The text in a colour for standard output when that is a terminal and NO_COLOR is not set.
std::string Coloured(Colour colour, std::string_view text);

// Rows as aligned columns, two spaces apart; the last column is not padded.
// Widths count characters, not bytes. Columns whose name is in `right` are aligned there.
std::string AlignedTable(const std::vector<std::string>& header,
                         const std::vector<std::vector<std::string>>& rows,
                         const std::vector<std::string>& right = {});

// A line on standard error that is written over in place on a terminal. Elsewhere
// each Show is a line of its own, but only when the text changed and (for lines that count something)
// at most every few seconds.
class LiveLine {
 public:
  LiveLine();
  ~LiveLine() { Clear(); }
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  void Show(const std::string& text);
  // Removes the line (on a terminal).
  void Clear();
  // A whole line that stays.
  void Say(const std::string& text);

 private:
  bool terminal_;
  bool shown_ = false;
  std::string last_;
  long long last_at_ = 0;  // ms of the steady clock
};

// Characters that a UTF-8 text shows.
size_t DisplayWidth(std::string_view text);

}  // namespace millrace::cli
