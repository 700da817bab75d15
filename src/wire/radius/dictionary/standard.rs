//! The standard attributes: numbers from the IANA registry "RADIUS Types", forms from the RFC named at each
//! group; which of them may stand in an Access-Accept from the table at the end of the same RFC.

use crate::wire::radius::dictionary::{Entry, table};

/// Sorted by type, for binary search.
pub(super) static STANDARD: &[Entry] = table! { None;
    // RFC 2865
    1 "User-Name" Text;
    2 "User-Password" Hidden Never;
    3 "CHAP-Password" Hidden Never;
    4 "NAS-IP-Address" Ipv4 Never;
    5 "NAS-Port" Integer Never;
    6 "Service-Type" Integer ByValue;
    7 "Framed-Protocol" Integer;
    8 "Framed-IP-Address" Ipv4;
    9 "Framed-IP-Netmask" Ipv4;
    10 "Framed-Routing" Integer;
    11 "Filter-Id" Text;
    12 "Framed-MTU" Integer;
    13 "Framed-Compression" Integer;
    14 "Login-IP-Host" Ipv4;
    15 "Login-Service" Integer;
    16 "Login-TCP-Port" Integer;
    18 "Reply-Message" Text;
    19 "Callback-Number" Text;
    20 "Callback-Id" Text;
    22 "Framed-Route" Text;
    23 "Framed-IPX-Network" Integer;
    24 "State" Bytes Never;
    25 "Class" Bytes;
    26 "Vendor-Specific" Vendor Never;
    27 "Session-Timeout" Integer;
    28 "Idle-Timeout" Integer;
    29 "Termination-Action" Integer;
    30 "Called-Station-Id" Text Never;
    31 "Calling-Station-Id" Text Never;
    32 "NAS-Identifier" Text Never;
    33 "Proxy-State" Bytes Never;
    34 "Login-LAT-Service" Text;
    35 "Login-LAT-Node" Text;
    36 "Login-LAT-Group" Bytes;
    37 "Framed-AppleTalk-Link" Integer;
    38 "Framed-AppleTalk-Network" Integer;
    39 "Framed-AppleTalk-Zone" Text;
    // RFC 2866
    40 "Acct-Status-Type" Integer Never;
    41 "Acct-Delay-Time" Integer Never;
    42 "Acct-Input-Octets" Integer Never;
    43 "Acct-Output-Octets" Integer Never;
    44 "Acct-Session-Id" Text Never;
    45 "Acct-Authentic" Integer Never;
    46 "Acct-Session-Time" Integer Never;
    47 "Acct-Input-Packets" Integer Never;
    48 "Acct-Output-Packets" Integer Never;
    49 "Acct-Terminate-Cause" Integer Never;
    50 "Acct-Multi-Session-Id" Text Never;
    51 "Acct-Link-Count" Integer Never;
    // RFC 2869
    52 "Acct-Input-Gigawords" Integer Never;
    53 "Acct-Output-Gigawords" Integer;
    55 "Event-Timestamp" Date Never;
    // RFC 4675
    56 "Egress-VLANID" Integer;
    57 "Ingress-Filters" Integer;
    58 "Egress-VLAN-Name" Text;
    59 "User-Priority-Table" Bytes;
    // RFC 2865
    60 "CHAP-Challenge" Bytes Never;
    61 "NAS-Port-Type" Integer Never;
    62 "Port-Limit" Integer;
    63 "Login-LAT-Port" Text;
    // RFC 2868
    64 "Tunnel-Type" TaggedInteger;
    65 "Tunnel-Medium-Type" TaggedInteger;
    66 "Tunnel-Client-Endpoint" TaggedText;
    67 "Tunnel-Server-Endpoint" TaggedText;
    68 "Acct-Tunnel-Connection" Text Never;
    69 "Tunnel-Password" TaggedSalted;
    // RFC 2869
    70 "ARAP-Password" Hidden Never;
    71 "ARAP-Features" Bytes Never;
    72 "ARAP-Zone-Access" Integer;
    73 "ARAP-Security" Integer;
    74 "ARAP-Security-Data" Hidden Never;
    75 "Password-Retry" Integer;
    76 "Prompt" Integer Never;
    77 "Connect-Info" Text Never;
    78 "Configuration-Token" Text;
    79 "EAP-Message" Hidden Never;
    80 "Message-Authenticator" Bytes Never;
    // RFC 2868
    81 "Tunnel-Private-Group-ID" TaggedText;
    82 "Tunnel-Assignment-ID" TaggedText;
    83 "Tunnel-Preference" TaggedInteger;
    // RFC 2869
    84 "ARAP-Challenge-Response" Hidden Never;
    85 "Acct-Interim-Interval" Integer;
    // RFC 2867
    86 "Acct-Tunnel-Packets-Lost" Integer Never;
    // RFC 2869
    87 "NAS-Port-Id" Text Never;
    88 "Framed-Pool" Text;
    // RFC 4372
    89 "Chargeable-User-Identity" Bytes;
    // RFC 2868
    90 "Tunnel-Client-Auth-ID" TaggedText;
    91 "Tunnel-Server-Auth-ID" TaggedText;
    // RFC 4849
    92 "NAS-Filter-Rule" Text;
    // RFC 7155
    94 "Originating-Line-Info" Bytes Never;
    // RFC 3162
    95 "NAS-IPv6-Address" Ipv6 Never;
    96 "Framed-Interface-Id" Bytes;
    97 "Framed-IPv6-Prefix" Ipv6Prefix;
    98 "Login-IPv6-Host" Ipv6;
    99 "Framed-IPv6-Route" Text;
    100 "Framed-IPv6-Pool" Text;
    // RFC 5176
    101 "Error-Cause" Integer Never;
    // RFC 4072, RFC 7268
    102 "EAP-Key-Name" Bytes Never;
    // RFC 5090
    103 "Digest-Response" Hidden Never;
    104 "Digest-Realm" Text Never;
    105 "Digest-Nonce" Text Never;
    106 "Digest-Response-Auth" Hidden Never;
    107 "Digest-Nextnonce" Text Never;
    108 "Digest-Method" Text Never;
    109 "Digest-URI" Text Never;
    110 "Digest-Qop" Text Never;
    111 "Digest-Algorithm" Text Never;
    112 "Digest-Entity-Body-Hash" Text Never;
    113 "Digest-CNonce" Text Never;
    114 "Digest-Nonce-Count" Text Never;
    115 "Digest-Username" Text Never;
    116 "Digest-Opaque" Text Never;
    117 "Digest-Auth-Param" Text Never;
    118 "Digest-AKA-Auts" Hidden Never;
    119 "Digest-Domain" Text Never;
    120 "Digest-Stale" Text Never;
    121 "Digest-HA1" Hidden Never;
    122 "SIP-AOR" Text Never;
    // RFC 4818
    123 "Delegated-IPv6-Prefix" Ipv6Prefix;
    // RFC 5447
    124 "MIP6-Feature-Vector" Integer64;
    125 "MIP6-Home-Link-Prefix" Bytes;
    // RFC 5580
    126 "Operator-Name" Text Never;
    127 "Location-Information" Bytes Never;
    128 "Location-Data" Bytes Never;
    129 "Basic-Location-Policy-Rules" Bytes Never;
    130 "Extended-Location-Policy-Rules" Bytes Never;
    131 "Location-Capable" Integer Never;
    132 "Requested-Location-Info" Integer Never;
    // RFC 5607
    133 "Framed-Management-Protocol" Integer Administrative;
    134 "Management-Transport-Protection" Integer;
    135 "Management-Policy-Id" Text Administrative;
    136 "Management-Privilege-Level" Integer Administrative;
    // RFC 5904
    137 "PKM-SS-Cert" Bytes Never;
    138 "PKM-CA-Cert" Bytes Never;
    // RFC 6911
    168 "Framed-IPv6-Address" Ipv6;
    169 "DNS-Server-IPv6-Address" Ipv6;
    170 "Route-IPv6-Information" Ipv6Prefix;
    // RFC 7268
    177 "Mobility-Domain-Id" Integer;
    178 "Preauth-Timeout" Integer;
    186 "WLAN-Pairwise-Cipher" Integer;
    187 "WLAN-Group-Cipher" Integer;
    188 "WLAN-AKM-Suite" Integer;
};
