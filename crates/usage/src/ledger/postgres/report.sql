SELECT period, backend,
    nexus_usage_saturate(sum(added_api_requests)),
    nexus_usage_saturate(sum(added_egress_bytes)),
    nexus_usage_saturate(sum(added_ingress_bytes)),
    nexus_usage_saturate(sum(taken_api_requests)),
    nexus_usage_saturate(sum(taken_egress_bytes)),
    nexus_usage_saturate(sum(taken_ingress_bytes))
FROM nexus_usage_counted
WHERE period BETWEEN $1 AND $2
GROUP BY period, backend
ORDER BY period, backend
