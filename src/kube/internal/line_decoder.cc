#include "kube/internal/line_decoder.h"

namespace millrace::kube::internal {

Status LineDecoder::Emit(std::string_view line,
                         const std::function<Status(std::string_view)>& on_line) const {
  if (line.size() > max_line_)
    return ResourceExhausted("a line of the stream has more than {} bytes", max_line_);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line.empty() ? Ok() : on_line(line);
}

Status LineDecoder::Feed(std::string_view piece, const std::function<Status(std::string_view)>& on_line) {
  for (size_t end; (end = piece.find('\n')) != std::string_view::npos; piece.remove_prefix(end + 1)) {
    const std::string_view line = piece.substr(0, end);
    if (pending_.empty()) {
      MR_RETURN_IF_ERROR(Emit(line, on_line));
      continue;
    }
    pending_ += line;
    std::string whole;
    whole.swap(pending_);
    MR_RETURN_IF_ERROR(Emit(whole, on_line));
  }
  if (pending_.size() + piece.size() > max_line_) {
    return ResourceExhausted("a line of the stream has more than {} bytes", max_line_);
  }
  pending_ += piece;
  return Ok();
}

}  // namespace millrace::kube::internal
