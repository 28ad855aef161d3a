// The SQLSTATEs that mean something to a session, by their names in the manual ("PostgreSQL Error Codes").
#pragma once

#include <string_view>

namespace weir::capture {

constexpr std::string_view kProtocolViolation = "08P01";
constexpr std::string_view kCharacterNotInRepertoire = "22021";
constexpr std::string_view kUntranslatableCharacter = "22P05";
constexpr std::string_view kInFailedTransaction = "25P02";
constexpr std::string_view kInvalidStatementName = "26000";
constexpr std::string_view kInvalidCursorName = "34000";
constexpr std::string_view kSyntaxError = "42601";
constexpr std::string_view kObjectNotInPrerequisiteState = "55000";
constexpr std::string_view kLockNotAvailable = "55P03";
constexpr std::string_view kQueryCanceled = "57014";

}  // namespace weir::capture
