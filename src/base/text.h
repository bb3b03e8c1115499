// Small helpers for text: splitting, joining, and the nearest known name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

std::vector<std::string> Split(std::string_view text, char separator);
std::string Join(std::span<const std::string> parts, std::string_view separator);

// The candidate that `text` was probably meant to be: by edit distance with
// transpositions, at most a third of its length; empty when none is near.
std::string Nearest(std::string_view text, std::span<const std::string> candidates);

// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

// True when `text` matches the shell pattern: * and ? within one path part.
bool MatchesGlob(std::string_view pattern, std::string_view text);

}  // namespace millrace
