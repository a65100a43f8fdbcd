"""The vehicles that recorded Argoverse 2.

The fleet drove Ford Fusion Hybrids, and the vehicle's origin is the centre of the rear axle
(Argoverse 2 paper, appendix). Length and width without mirrors: Ford's 2017 specification,
191.8 x 72.9 in. Rear axle to centre: as py123d (get_av2_ford_fusion_hybrid_parameters) estimates
it from the lidar points.
"""

EGO_LENGTH_M = 4.872
EGO_WIDTH_M = 1.852
EGO_CENTER_OFFSET_M = 1.339
