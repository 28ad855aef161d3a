// What a client sees of an error or a notice that is not as its own text would have had it: the fields, changed. One
// function for each reason; fields in, fields out. Knows nothing of the session.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "capture/session/names.h"
#include "wire/error_response.h"

namespace weir::capture {

class ErrorText {
 public:
  explicit ErrorText(const wire::ErrorFields& fields);

  /// It is of a statement that the client did not write: where in it has no meaning.
  void without_place();
  /// Of a Bind of spliced text.
  void of_bind(const Portal& portal);
  /// Of the lock query, which runs in `own_portal`, in the place of an UPDATE in the client's `portal`. Where BEFORE
  /// triggers see the row, the UPDATE itself locks it first.
  void of_lock(std::string_view own_portal, std::string_view portal, bool has_triggers);
  /// Of a shape's statement: without the parameters, which the client's text has not. The server says them in the
  /// CONTEXT where log_parameter_max_length_on_error has it do so, last, behind the portal's name.
  void of_shape(std::string_view shape_portal);
  /// Of a part of a text: the position in the whole.
  void of_part(const std::function<std::size_t(std::size_t)>& position_in_whole);
  /// It was brought about: a portal that is run a second time.
  void cannot_be_run(std::string_view portal);
  /// It was brought about: a commit that the journal does not take.
  void is_refused(const Error& refusal);

  void append_to(std::string& out, char type) const;

 private:
  std::string get(char code) const;
  void set(char code, std::string_view value);

  std::vector<std::pair<char, std::string>> fields_;
};

}  // namespace weir::capture
