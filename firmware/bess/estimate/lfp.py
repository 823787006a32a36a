"""LFP: rest voltage, hysteresis and resistances at 1 C of a graphite / iron phosphate cell.

Written by `make soc-tables`: fitted to one A123 26650 cell of 2.05 Ah at -15, 5, 25 and 45 degC
(G. Plett, ESC toolbox data), no cell maker's table; at -30 degC extrapolated. A large-format
cell has about three times its resistance for its size: the cabinet's parameter
resistance_permille carries that, and the filter learns the rest.
"""

TABLE = b"""\
full_dmv 35400
full_tail_permille 60
empty_dmv 28000
low_dmv 28000
high_dmv 36000
error_dmv 60
error_cpct 100
load_error_dmv 30
error_span_cpct 800
fast_tau_s 24
slow_tau_s 1000
empty_growth_permille 4703
reversals 20
# 0.1 degC; 10 uV at 1 C: ohmic, charge transfer, diffusion
temperature -300 59132 66545 99296
temperature -150 12409 12958 47061
temperature 50 3583 3720 22302
temperature 250 2019 2240 13007
temperature 450 1591 1495 10376
# %, rest voltage and half hysteresis gap 0.1 mV, entropy 10 uV/K
soc 0 22423 118 0
soc 1 26667 116 24
soc 2 27672 114 49
soc 3 28943 112 42
soc 4 29594 110 34
soc 5 30245 108 26
soc 6 30629 103 19
soc 7 31012 98 11
soc 8 31326 93 3
soc 9 31570 88 -4
soc 10 31814 83 -12
soc 11 31972 87 -12
soc 12 32130 92 -12
soc 13 32210 96 -11
soc 14 32212 100 -11
soc 15 32215 104 -11
soc 16 32265 108 -11
soc 17 32314 112 -11
soc 18 32357 116 -11
soc 19 32392 121 -10
soc 20 32428 125 -10
soc 21 32478 134 -10
soc 22 32528 142 -10
soc 23 32559 151 -10
soc 24 32572 160 -9
soc 25 32585 169 -9
soc 26 32627 177 -9
soc 27 32670 186 -9
soc 28 32698 195 -9
soc 29 32710 204 -8
soc 30 32723 212 -8
soc 31 32753 205 -7
soc 32 32783 197 -5
soc 33 32807 190 -3
soc 34 32826 182 -1
soc 35 32844 175 0
soc 36 32872 167 2
soc 37 32899 160 4
soc 38 32924 152 5
soc 39 32946 145 7
soc 40 32969 137 9
soc 41 32991 134 11
soc 42 33014 130 12
soc 43 33027 127 14
soc 44 33030 123 16
soc 45 33034 119 18
soc 46 33041 116 19
soc 47 33047 112 21
soc 48 33054 109 23
soc 49 33061 105 24
soc 50 33067 102 26
soc 51 33073 104 26
soc 52 33078 107 25
soc 53 33084 110 24
soc 54 33089 112 24
soc 55 33095 115 23
soc 56 33104 118 23
soc 57 33114 120 22
soc 58 33124 123 22
soc 59 33133 126 21
soc 60 33143 129 20
soc 61 33154 129 20
soc 62 33165 130 19
soc 63 33175 131 19
soc 64 33186 131 18
soc 65 33197 132 17
soc 66 33205 133 17
soc 67 33213 133 16
soc 68 33226 134 16
soc 69 33246 135 15
soc 70 33265 135 15
soc 71 33278 132 14
soc 72 33291 128 14
soc 73 33308 124 13
soc 74 33329 121 13
soc 75 33351 117 12
soc 76 33371 114 11
soc 77 33391 110 11
soc 78 33405 106 10
soc 79 33413 103 10
soc 80 33420 99 9
soc 81 33432 91 9
soc 82 33443 84 8
soc 83 33454 76 8
soc 84 33465 68 7
soc 85 33476 60 7
soc 86 33508 52 6
soc 87 33539 44 6
soc 88 33571 37 5
soc 89 33602 29 5
soc 90 33634 21 4
soc 91 33634 35 2
soc 92 33634 50 -1
soc 93 33634 64 -3
soc 94 33634 79 -6
soc 95 33647 93 -8
soc 96 33698 107 -11
soc 97 33810 122 -13
soc 98 34042 121 -16
soc 99 34511 121 -9
soc 100 35712 121 -1
"""
