// What a URI of the database says, parameter by parameter: all of libpq's are known here, up to those of PostgreSQL 18.
//
// Each is either stored, because Weir does what it asks for, or refused with its name and what to do instead; none is
// passed over. Reading the URI's form is libpq's business (upstream_uri_parse.cpp). Pure; no complaint repeats a value.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "proxy/io/endpoint.h"
#include "proxy/settings/credentials.h"
#include "proxy/settings/values.h"

namespace weir::proxy {

struct UpstreamUri {
  Upstream upstream;
  Credentials credentials;
};

/// "postgresql://[user[:password]@]host[:port][,…][/database][?sslmode=…&…]".
Result<UpstreamUri> parse_upstream_uri(const std::string& uri);

/// Keywords and values, as libpq read them. The complaint goes on behind "upstream ".
Complaint read_parameters(const std::map<std::string, std::string>& given, UpstreamUri& uri);

/// Why a parameter that the libpq at hand does not know is not taken; it may be one of a later version.
std::string complaint_of_unknown(const std::string& name);
/// Whether Weir takes the parameter, whatever the libpq at hand knows.
bool takes_parameter(std::string_view name);

/// The form that a URI must have.
extern const char* const kUriForm;

}  // namespace weir::proxy
