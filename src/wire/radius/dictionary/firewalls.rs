//! Attributes of firewalls and VPN gateways, from their vendors' published manuals and dictionaries.

use crate::wire::radius::dictionary::{Entry, table};

/// Citrix.
pub(super) static CITRIX: &[Entry] = table! { Some(66);
    10 "Citrix-UID" Integer Administrative;
    11 "Citrix-GID" Integer Administrative;
    12 "Citrix-Home" Text Administrative;
    13 "Citrix-Shell" Text Administrative;
    14 "Citrix-Group-Names" Text;
    15 "Citrix-Group-Ids" Text Administrative;
    16 "Citrix-User-Groups" Text;
};

/// Zyxel.
pub(super) static ZYXEL: &[Entry] = table! { Some(890);
    3 "Zyxel-Privilege-AVPair" Text Administrative;
    192 "Zyxel-Callback-Option" Integer;
    193 "Zyxel-Callback-Phone-Source" Integer;
};

/// Check Point.
pub(super) static CHECK_POINT: &[Entry] = table! { Some(2620);
    229 "CP-Gaia-User-Role" Text Administrative;
    230 "CP-Gaia-SuperUser-Access" Integer Administrative;
};

/// Juniper.
pub(super) static JUNIPER: &[Entry] = table! { Some(2636);
    1 "Juniper-Local-User-Name" Text Administrative;
    2 "Juniper-Allow-Commands" Text Administrative;
    3 "Juniper-Deny-Commands" Text Administrative;
    4 "Juniper-Allow-Configuration" Text Administrative;
    5 "Juniper-Deny-Configuration" Text Administrative;
    8 "Juniper-Interactive-Command" Text Never;
    9 "Juniper-Configuration-Change" Text Never;
    10 "Juniper-User-Permissions" Text Administrative;
    11 "Juniper-Junosspace-Profile" Text Administrative;
    11 "Juniper-Junosspace-Profiles" Text Administrative;
    21 "Juniper-CTP-Group" Integer Administrative;
    22 "Juniper-CTPView-APP-Group" Integer Administrative;
    23 "Juniper-CTPView-OS-Group" Integer Administrative;
    31 "Juniper-Primary-Dns" Ipv4;
    32 "Juniper-Primary-Wins" Ipv4;
    33 "Juniper-Secondary-Dns" Ipv4;
    34 "Juniper-Secondary-Wins" Ipv4;
    35 "Juniper-Interface-id" Text;
    36 "Juniper-Ip-Pool-Name" Text;
    37 "Juniper-Keep-Alive" Integer;
    38 "Juniper-CoS-Traffic-Control-Profile" Text;
    39 "Juniper-CoS-Parameter" Text;
    40 "Juniper-encapsulation-overhead" Integer;
    41 "Juniper-cell-overhead" Integer;
    42 "Juniper-tx-connect-speed" Integer Never;
    43 "Juniper-rx-connect-speed" Integer Never;
    44 "Juniper-Firewall-filter-name" Text;
    45 "Juniper-Policer-Parameter" Text;
    46 "Juniper-Local-Group-Name" Text;
    47 "Juniper-Local-Interface" Text;
    48 "Juniper-Switching-Filter" Text;
    49 "Juniper-VoIP-Vlan" Text;
    50 "Juniper-CWA-Redirect" Text;
    52 "Juniper-AV-Pair" Text Administrative;
};

/// Juniper NetScreen.
pub(super) static NETSCREEN: &[Entry] = table! { Some(3224);
    1 "NS-Admin-Privilege" Integer Administrative;
    2 "NS-VSYS-Name" Text Administrative;
    3 "NS-User-Group" Text;
    4 "NS-Primary-DNS" Ipv4;
    5 "NS-Secondary-DNS" Ipv4;
    6 "NS-Primary-WINS" Ipv4;
    7 "NS-Secondary-WINS" Ipv4;
    220 "NS-NSM-User-Domain-Name" Text Administrative;
    221 "NS-NSM-User-Role-Mapping" Text Administrative;
};

/// F5.
pub(super) static F5: &[Entry] = table! { Some(3375);
    1 "F5-LTM-User-Role" Integer Administrative;
    2 "F5-LTM-User-Role-Universal" Integer Administrative;
    3 "F5-LTM-User-Partition" Text Administrative;
    4 "F5-LTM-User-Console" Integer Administrative;
    5 "F5-LTM-User-Shell" Text Administrative;
    10 "F5-LTM-User-Context-1" Integer Administrative;
    11 "F5-LTM-User-Context-2" Integer Administrative;
    12 "F5-LTM-User-Info-1" Text Administrative;
    13 "F5-LTM-User-Info-2" Text Administrative;
    14 "F5-LTM-Audit-Msg" Text Never;
};

/// SonicWall.
pub(super) static SONICWALL: &[Entry] = table! { Some(8741);
    1 "SonicWall-User-Privilege" Integer ByValue;
    1 "SS3-Firewall-User-Privilege" Integer ByValue;
    3 "SonicWall-User-Group" Text ByValue;
};

/// Fortinet.
pub(super) static FORTINET: &[Entry] = table! { Some(12356);
    1 "Fortinet-Group-Name" Text;
    2 "Fortinet-Client-IP-Address" Ipv4 Never;
    3 "Fortinet-Vdom-Name" Text Administrative;
    4 "Fortinet-Client-IPv6-Address" Bytes Never;
    5 "Fortinet-Interface-Name" Text Never;
    6 "Fortinet-Access-Profile" Text Administrative;
    7 "Fortinet-SSID" Text Never;
    8 "Fortinet-AP-Name" Text Never;
    11 "Fortinet-FAC-Auth-Status" Text Never;
    12 "Fortinet-FAC-Token-ID" Text Never;
    15 "Fortinet-FAC-Challenge-Code" Text Never;
    16 "Fortinet-Webfilter-Category-Allow" Bytes;
    17 "Fortinet-Webfilter-Category-Block" Bytes;
    18 "Fortinet-Webfilter-Category-Monitor" Bytes;
    19 "Fortinet-AppCtrl-Category-Allow" Bytes;
    20 "Fortinet-AppCtrl-Category-Block" Bytes;
    21 "Fortinet-AppCtrl-Risk-Allow" Bytes;
    22 "Fortinet-AppCtrl-Risk-Block" Bytes;
    23 "Fortinet-WirelessController-Device-MAC" Bytes Never;
    24 "Fortinet-WirelessController-WTP-ID" Text Never;
    25 "Fortinet-WirelessController-Assoc-Time" Date Never;
    26 "Fortinet-FortiWAN-AVPair" Text Administrative;
    30 "Fortinet-FDD-Access-Profile" Text Administrative;
    31 "Fortinet-FDD-Trusted-Hosts" Text Administrative;
    32 "Fortinet-FDD-SPP-Name" Text Administrative;
    33 "Fortinet-FDD-Is-System-Admin" Text Administrative;
    34 "Fortinet-FDD-Is-SPP-Admin" Text Administrative;
    35 "Fortinet-FDD-SPP-Policy-Group" Text Administrative;
    36 "Fortinet-FDD-Allow-API-Access" Text Administrative;
    40 "Fortinet-Fpc-User-Role" Text Administrative;
    41 "Fortinet-Tenant-Identification" Text Administrative;
    42 "Fortinet-Host-Port-AVPair" Text Administrative;
};

/// pfSense.
pub(super) static PFSENSE: &[Entry] = table! { Some(13644);
    1 "pfSense-Bandwidth-Max-Up" Integer;
    2 "pfSense-Bandwidth-Max-Down" Integer;
    3 "pfSense-Max-Total-Octets" Integer;
};

/// MikroTik.
pub(super) static MIKROTIK: &[Entry] = table! { Some(14988);
    1 "Mikrotik-Recv-Limit" Integer;
    2 "Mikrotik-Xmit-Limit" Integer;
    3 "Mikrotik-Group" Text Administrative;
    4 "Mikrotik-Wireless-Forward" Integer;
    5 "Mikrotik-Wireless-Skip-Dot1x" Integer;
    6 "Mikrotik-Wireless-Enc-Algo" Integer;
    7 "Mikrotik-Wireless-Enc-Key" Hidden;
    8 "Mikrotik-Rate-Limit" Text;
    9 "Mikrotik-Realm" Text Never;
    10 "Mikrotik-Host-IP" Ipv4 Never;
    11 "Mikrotik-Mark-Id" Text;
    12 "Mikrotik-Advertise-URL" Text;
    13 "Mikrotik-Advertise-Interval" Integer;
    14 "Mikrotik-Recv-Limit-Gigawords" Integer;
    15 "Mikrotik-Xmit-Limit-Gigawords" Integer;
    16 "Mikrotik-Wireless-PSK" Hidden;
    17 "Mikrotik-Total-Limit" Integer;
    18 "Mikrotik-Total-Limit-Gigawords" Integer;
    19 "Mikrotik-Address-List" Text;
    20 "Mikrotik-Wireless-MPKey" Hidden;
    21 "Mikrotik-Wireless-Comment" Text;
    22 "Mikrotik-Delegated-IPv6-Pool" Text;
    23 "Mikrotik-DHCP-Option-Set" Text;
    24 "Mikrotik-DHCP-Option-Param-STR1" Text;
    25 "Mikrotik-DHCP-Option-Param-STR2" Text;
    25 "Mikrotik-DHCP-Option-ParamSTR2" Text;
    26 "Mikrotik-Wireless-VLANID" Integer;
    27 "Mikrotik-Wireless-VLANIDtype" Integer;
    27 "Mikrotik-Wireless-VLANID-Type" Integer;
    28 "Mikrotik-Wireless-Minsignal" Text;
    29 "Mikrotik-Wireless-Maxsignal" Text;
    30 "Mikrotik-Switching-Filter" Text;
};

/// Palo Alto Networks.
pub(super) static PALO_ALTO: &[Entry] = table! { Some(25461);
    1 "PaloAlto-Admin-Role" Text Administrative;
    2 "PaloAlto-Admin-Access-Domain" Text Administrative;
    3 "PaloAlto-Panorama-Admin-Role" Text Administrative;
    4 "PaloAlto-Panorama-Admin-Access-Domain" Text Administrative;
    5 "PaloAlto-User-Group" Text;
    6 "PaloAlto-User-Domain" Text;
    7 "PaloAlto-Client-Source-IP" Text Never;
    8 "PaloAlto-Client-OS" Text Never;
    9 "PaloAlto-Client-Hostname" Text Never;
    10 "PaloAlto-GlobalProtect-Client-Version" Text Never;
};
