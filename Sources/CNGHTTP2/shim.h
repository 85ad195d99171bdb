/// nghttp2: framing, HPACK, flow control and priorities of HTTP/2.
#pragma once
#include <nghttp2/nghttp2.h>
