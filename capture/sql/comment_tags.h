// SQLCommenter's tags: what frameworks append to a statement as /*key='value',key='value'*/ (application, route,
// traceparent).
#pragma once

#include <string>
#include <string_view>

namespace weir::capture {

/// The tags of the comment a statement's text ends with, as a JSON object of strings; empty where it ends otherwise or
/// where the comment is not of that form. Keys and values are decoded (%XX, \').
std::string comment_tags(std::string_view text);

}  // namespace weir::capture
